package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/project/route"
)

type routeOptions struct {
	files   fileFlags
	out     outputFlags
	target  string
	host    string
	headers []string
	gateway string
}

func newRoute(a *app) *cobra.Command {
	var opt routeOptions
	cmd := &cobra.Command{
		Use:   "route TARGET",
		Short: "Tell which component would get a request, why, and what it would see",
		Long: `Tell which event source and component would get a request, why, and which path
the container would see. TARGET is a URL, or a request target as it stands in
the request line together with --host.

It asks the daemon, or with -f only looks into a file. Exit code 0, also where
nothing matches.`,
		Example: `  maelctl route http://shop.example.com/cart?id=7
  maelctl route /cart --host shop.example.com -f maelstrom.yml
  maelctl route / --gateway private --header MAELSTROM-COMPONENT:shop_web`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.target = args[0]
			return runRoute(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	cmd.Flags().Lookup("file").Usage = "look into this project file instead of asking the daemon"
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opt.host, "host", "", "Host header; empty: the request has none")
	flags.StringArrayVar(&opt.headers, "header", nil, "header as NAME:VALUE (repeatable)")
	flags.StringVar(&opt.gateway, "gateway", "public", "where the request comes in: public or private")
	gateways := []string{string(route.Public), string(route.Private)}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("gateway", cobra.FixedCompletions(gateways, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func runRoute(ctx context.Context, a *app, opt routeOptions) error {
	if gateway := route.Gateway(opt.gateway); gateway != route.Public && gateway != route.Private {
		return usagef("--gateway %q is neither public nor private", opt.gateway)
	}
	headers, err := parseHeaders(opt.headers)
	if err != nil {
		return err
	}
	resolve := a.resolveRemote
	if opt.files.file != "" {
		resolve = a.resolveInFile
	}
	found, err := resolve(ctx, opt, headers)
	if err != nil {
		return err
	}
	return opt.out.print(a.stdout, document{value: found, text: func(w io.Writer) error {
		return printResolution(w, a.outStyle(), found)
	}})
}

func (a *app) resolveRemote(ctx context.Context, opt routeOptions, headers []project.Header) (route.Resolution, error) {
	found, err := a.client().ResolveRoute(ctx, rpc.ResolveRequest{
		Target: opt.target, Host: opt.host, Headers: headers, Gateway: route.Gateway(opt.gateway),
	})
	return found, a.serverError(err)
}

// resolveInFile resolves by the routes of one project file, without a daemon.
func (a *app) resolveInFile(_ context.Context, opt routeOptions, headers []project.Header) (route.Resolution, error) {
	_, loaded, err := a.load(opt.files)
	if err != nil {
		return route.Resolution{}, err
	}
	var rules []route.Rule
	for _, e := range loaded.Project.EventSources {
		if e.HTTP != nil {
			rules = append(rules, route.Rule{
				EventSource: e.Name, Component: e.Component,
				Hostname: e.HTTP.Hostname, PathPrefix: e.HTTP.PathPrefix, StripPrefix: e.HTTP.StripPrefix,
			})
		}
	}
	components := map[string]bool{}
	for _, c := range loaded.Project.Components {
		components[c.Name] = true
	}
	request := route.Request{
		Gateway: route.Gateway(opt.gateway), Host: opt.host, Target: opt.target, Headers: http.Header{},
		Component: func(name string) bool { return components[name] },
	}
	for _, h := range headers {
		request.Headers.Add(h.Name, h.Value)
	}
	return route.Resolve(route.New(rules), request), nil
}

func parseHeaders(texts []string) ([]project.Header, error) {
	var headers []project.Header
	for _, text := range texts {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usagef("--header %q is not NAME:VALUE", text)
		}
		headers = append(headers, project.Header{Name: name, Value: strings.TrimSpace(value)})
	}
	return headers, nil
}

func printResolution(w io.Writer, s style, found route.Resolution) error {
	if !found.Matched {
		_, err := fmt.Fprintf(w, "%s %s\n%s\n", s.yellow(fmt.Sprintf("answered with %d:", found.Status)), found.Body, found.Reason)
		return err
	}
	_, err := fmt.Fprintf(w, "component     %s\nevent source  %s\nreceives      %s\nbecause       %s\n",
		s.bold(found.Component), orDash(found.EventSource), found.UpstreamTarget, found.Reason)
	return err
}
