package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"maelstrom/cluster"
)

// The ways of proving who fetches.
const (
	authToken = "token"
	authBasic = "basic"
	authSSH   = "ssh"
	authNone  = "none"
)

// The variables that secrets are read from where no flag names a file: a
// command line is seen by everybody on the machine.
const (
	envToken      = "MAELSTROM_SOURCE_TOKEN"
	envPassword   = "MAELSTROM_SOURCE_PASSWORD"
	envPassphrase = "MAELSTROM_SOURCE_PASSPHRASE"
)

// secretFlags say where the secrets of a source are read from.
type secretFlags struct {
	auth           string
	tokenFile      string
	tokenStdin     bool
	passwordFile   string
	sshKey         string
	passphraseFile string
	webhookFile    string
	webhookNew     bool
	clear          []string

	given *pflag.FlagSet
}

// secretEdit is what becomes of the stored secrets.
type secretEdit struct {
	set       cluster.SourceSecrets
	clear     []string
	generated string // webhook secret, to be shown once
}

func (s *secretFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	s.given = flags
	flags.StringVar(&s.auth, "auth", "", "how to prove who fetches: token, basic, ssh or none (default: as the files given say)")
	flags.StringVar(&s.tokenFile, "token-file", "", "file with the token for HTTPS; without it --auth token reads "+envToken)
	flags.BoolVar(&s.tokenStdin, "token-stdin", false, "read the token from standard input")
	flags.StringVar(&s.passwordFile, "password-file", "", "file with the password for HTTPS; without it --auth basic reads "+envPassword)
	flags.StringVar(&s.sshKey, "ssh-key", "", "file with the private key for SSH")
	flags.StringVar(&s.passphraseFile, "passphrase-file", "", "file with the passphrase of the private key (default: "+envPassphrase+")")
	flags.StringVar(&s.webhookFile, "webhook-secret-file", "", "file with the secret that webhook calls are signed with")
	flags.BoolVar(&s.webhookNew, "generate-webhook-secret", false, "make a secret for webhook calls; it is shown once")
	for _, name := range []string{"token-file", "password-file", "ssh-key", "passphrase-file", "webhook-secret-file"} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, completeFiles))
	}
}

// registerClear adds the flag that removes secrets.
func (s *secretFlags) registerClear(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&s.clear, "clear-secret", nil, "forget these secrets, and variables, comma-separated, by the names that `source get` shows")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("clear-secret", cobra.FixedCompletions(slices.Clone(clearable), cobra.ShellCompDirectiveNoFileComp)))
}

// clearable are the secrets of a source by the names that people use, beside
// variables.NAME: those of a sources file.
var clearable = []string{"token", "password", "sshkey", "sshpassphrase", "webhooksecret", "variables"}

// secretNames are names of the API as people use them.
func secretNames(names []string) []string {
	shown := slices.Clone(names)
	for i, name := range shown {
		if plain := strings.ReplaceAll(name, "_", ""); slices.Contains(clearable, plain) {
			shown[i] = plain
		}
	}
	return shown
}

// clearVariables forgets the variables that are to be cleared and are no
// secrets.
func (s *secretFlags) clearVariables(spec *cluster.Source) {
	for _, name := range s.clear {
		if variable, ok := strings.CutPrefix(name, "variables."); ok {
			delete(spec.Variables, variable)
		} else if name == "variables" {
			spec.Variables = nil
		}
	}
	if len(spec.Variables) == 0 {
		spec.Variables = nil
	}
}

// read reads the secrets that the flags name.
func (s *secretFlags) read(a *app, edit *secretEdit) error {
	edit.clear = append(edit.clear, s.clear...)
	if err := s.readAuth(a, edit); err != nil {
		return err
	}
	if s.webhookFile != "" && s.webhookNew {
		return usagef("--webhook-secret-file and --generate-webhook-secret exclude each other")
	}
	if s.webhookNew {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		edit.generated = hex.EncodeToString(secret)
		edit.set.WebhookSecret = edit.generated
		return nil
	}
	return a.secretFile("webhook-secret-file", s.webhookFile, &edit.set.WebhookSecret)
}

func (s *secretFlags) readAuth(a *app, edit *secretEdit) error {
	if s.tokenStdin && s.tokenFile != "" {
		return usagef("--token-stdin and --token-file exclude each other")
	}
	tokenFlag := "token-file"
	if s.tokenStdin {
		tokenFlag, s.tokenFile = "token-stdin", "-"
	}
	for _, secret := range []struct {
		flag, path, auth, env string
		to                    *string
	}{
		{tokenFlag, s.tokenFile, authToken, envToken, &edit.set.Token},
		{"password-file", s.passwordFile, authBasic, envPassword, &edit.set.Password},
	} {
		if secret.path != "" && s.auth != "" && s.auth != secret.auth {
			return usagef("--%s is for --auth %s", secret.flag, secret.auth)
		}
		if err := a.secretFile(secret.flag, secret.path, secret.to); err != nil {
			return err
		}
		if *secret.to == "" && s.auth == secret.auth {
			if *secret.to = a.getenv(secret.env); *secret.to == "" {
				return usagef("--auth %s needs --%s, or %s set", secret.auth, secret.flag, secret.env)
			}
		}
	}
	if err := s.readKey(a, edit); err != nil {
		return err
	}
	return s.replaceAuth(edit)
}

func (s *secretFlags) readKey(a *app, edit *secretEdit) error {
	switch {
	case s.auth == authSSH && s.sshKey == "":
		return usagef("--auth ssh needs --ssh-key")
	case s.sshKey != "" && s.auth != "" && s.auth != authSSH:
		return usagef("--ssh-key is for --auth ssh")
	}
	key, err := a.flagFile("ssh-key", s.sshKey)
	if err != nil {
		return err
	}
	edit.set.SSHKey = key
	if err := a.secretFile("passphrase-file", s.passphraseFile, &edit.set.SSHPassphrase); err != nil {
		return err
	}
	if key != "" && edit.set.SSHPassphrase == "" {
		edit.set.SSHPassphrase = a.getenv(envPassphrase)
	}
	return nil
}

// replaceAuth forgets what belongs to another way than the one now given.
func (s *secretFlags) replaceAuth(edit *secretEdit) error {
	switch set := edit.set; {
	case s.auth == authNone:
		edit.clear = append(edit.clear, "token", "password", "ssh_key", "ssh_passphrase")
	case s.auth != "" && s.auth != authToken && s.auth != authBasic && s.auth != authSSH:
		return usagef("--auth %q is none of token, basic, ssh and none", s.auth)
	case set.Token != "":
		edit.clear = append(edit.clear, "password", "ssh_key", "ssh_passphrase")
	case set.Password != "":
		edit.clear = append(edit.clear, "token", "ssh_key", "ssh_passphrase")
	case set.SSHKey != "":
		edit.clear = append(edit.clear, "token", "password", "ssh_passphrase")
	}
	return nil
}

// secretFile reads a secret of one line; a line end at its end is none of it.
func (a *app) secretFile(flag, path string, to *string) error {
	if path == "" {
		return nil
	}
	text, err := a.flagFile(flag, path)
	if err != nil {
		return err
	}
	where := "--" + flag + " " + path
	if flag == "token-stdin" {
		where = "--token-stdin: standard input"
	}
	*to = strings.TrimRight(text, "\r\n")
	if *to == "" {
		return exitWith(exitInvalid, fmt.Errorf("%s is empty", where))
	}
	return nil
}
