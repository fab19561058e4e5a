package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/element"
	"mooring/server/ios"
)

// runOptions are the flags of run.
type runOptions struct {
	element.Options
	netconf, gnmi       []string
	metrics             []string
	startupFrom         string
	logLevel, logFormat string
}

func runCommand() *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a network element",
		Long: `Run runs a network element in the foreground, in the network namespace that it is started in, until it gets SIGTERM
or SIGINT. It obeys the configuration that was committed last; at the first start that of --startup, which may be the text of a router (see mooring import --help).

Stopping it tells its peers nothing, so that a restart costs no registration: bindings last until their lifetimes end.
To take leave of the peers, disable the LMAs and MAGs in the configuration first.

It needs CAP_NET_ADMIN, CAP_NET_RAW and /dev/net/tun.`,
		Example: `  mooring run --startup examples/lma/lma.json
  mooring run --startup router.cfg --startup-from ios-xr
  mooring run --state-dir /tmp/mag1 --startup mag1.json --gnmi 127.0.0.1:0 --netconf off`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	stateDirFlag(f, &o.StateDir)
	f.StringVar(&o.Startup, "startup", "", "`FILE` (RFC 7951 JSON, XML, or text of a router) to commit when there is no configuration yet")
	dialects := slices.Sorted(maps.Keys(ios.Dialects))
	f.StringVar(&o.startupFrom, "startup-from", "", "the startup file is a text of `DIALECT`: "+strings.Join(dialects, " or "))
	f.BoolVar(&o.StartupReplace, "startup-replace", false, "commit the startup file even though there is a configuration")
	f.StringSliceVar(&o.netconf, "netconf", nil, "`ADDRESS:PORT` where NETCONF listens, or off, instead of what is configured; port 0 takes a free one")
	f.StringSliceVar(&o.gnmi, "gnmi", nil, "`ADDRESS:PORT` where gNMI listens, or off, instead of what is configured; port 0 takes a free one")
	f.StringSliceVar(&o.metrics, "metrics", nil, "`ADDRESS:PORT` where Prometheus finds metrics, or off, instead of what is configured; port 0 takes a free one")
	f.StringVar(&o.logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "`FORMAT` of the log on standard error: text or json")
	cmd.MarkFlagFilename("startup", "json", "xml", "cfg", "txt")
	cmd.RegisterFlagCompletionFunc("startup-from", cobra.FixedCompletions(dialects, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command) (err error) {
	if o.Log, err = newLog(cmd.ErrOrStderr(), o.logLevel, o.logFormat); err != nil {
		return err
	}
	if o.NETCONF, err = listenAddresses("netconf", o.netconf); err != nil {
		return err
	}
	if o.GNMI, err = listenAddresses("gnmi", o.gnmi); err != nil {
		return err
	}
	if o.Metrics, err = listenAddresses("metrics", o.metrics); err != nil {
		return err
	}
	if err := needStateDir(o.StateDir); err != nil {
		return err
	}
	if err := o.checkStartup(); err != nil {
		return &usageError{err}
	}
	o.Version = buildVersion().Version
	e, err := element.Start(cmd.Context(), o.Options)
	switch {
	case errors.Is(err, context.Canceled) && cmd.Context().Err() != nil:
		return nil // asked to end before it began
	case err != nil:
		return err
	}
	err = announce(cmd.OutOrStdout(), o.Version, e.Management())
	if err == nil {
		err = e.Wait(cmd.Context())
	}
	return errors.Join(err, e.Close())
}

// checkStartup finds what makes no sense about the flags of the startup file.
func (o *runOptions) checkStartup() error {
	known := false
	o.StartupFrom, known = ios.Dialects[o.startupFrom]
	switch {
	case o.StartupReplace && o.Startup == "":
		return errors.New("--startup-replace needs --startup")
	case o.startupFrom != "" && o.Startup == "":
		return errors.New("--startup-from needs --startup")
	case o.startupFrom != "" && !known:
		return fmt.Errorf("--startup-from %s: it is ios-xr or ios", o.startupFrom)
	}
	return nil
}

func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, &usageError{fmt.Errorf("--log-level %s: it has to be debug, info, warn or error", level)}
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, &usageError{fmt.Errorf("--log-format %s: it has to be text or json", format)}
}

// listenAddresses reads the values of a flag: nil where it was not given, empty where it says off.
func listenAddresses(flag string, values []string) ([]netip.AddrPort, error) {
	if len(values) == 0 {
		return nil, nil
	}
	list := []netip.AddrPort{}
	if len(values) == 1 && values[0] == "off" {
		return list, nil
	}
	for _, value := range values {
		at, err := netip.ParseAddrPort(withLoopback(value))
		if err != nil {
			return nil, &usageError{fmt.Errorf("--%s %s: it has to be ADDRESS:PORT, [ADDRESS]:PORT, :PORT for loopback, or off", flag, value)}
		}
		list = append(list, at)
	}
	return list, nil
}

func withLoopback(value string) string {
	if port, ok := strings.CutPrefix(value, ":"); ok {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return value
}
