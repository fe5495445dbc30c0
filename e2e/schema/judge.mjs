// Judges YAML files by a JSON schema: reads {"schema": ..., "files": {path: text}}
// and prints, by path, what is wrong: null where the text is no YAML, else the
// errors as [{"path": ["components", "web"], "message": ...}].
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { parseDocument } from "yaml";

const input = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const validate = ajv.compile(input.schema);

function judge(text) {
  const document = parseDocument(text, { version: "1.2", merge: true, uniqueKeys: true, maxAliasCount: 100 });
  if (document.errors.length > 0) return null;
  let value;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch {
    return null; // aliases without an anchor, or too many
  }
  if (validate(value)) return [];
  return validate.errors.map((e) => ({
    path: e.instancePath.split("/").slice(1).map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~")),
    keyword: e.keyword,
    property: e.params.additionalProperty ?? e.params.missingProperty ?? e.params.propertyName ?? "",
    message: e.message,
  }));
}

const verdicts = {};
for (const [path, text] of Object.entries(input.files)) verdicts[path] = judge(text);
process.stdout.write(JSON.stringify(verdicts));
