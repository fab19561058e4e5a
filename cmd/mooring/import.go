package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/importer"
	"mooring/server/ios"
)

// importOptions are the flags of import.
type importOptions struct {
	importer.Job
	from, to string
	element  string // --target
	leave    bool   // --candidate
	target   client.Target
}

// here is the --target that means the element of the state folder.
const here = "local"

func importCommand() *cobra.Command {
	o := &importOptions{}
	cmd := &cobra.Command{
		Use:   "import --from DIALECT FILE|- | --to DIALECT [FILE|-]",
		Short: "Turn the configuration of a router into one of ours, or back",
		Long: `Import reads the configuration text of IOS XR or IOS, as it stands in a file or was pasted from a session: domains, LMAs and
MAGs of Proxy Mobile IPv6, AAA and RADIUS servers, VRFs and access lists. It writes RFC 7951 JSON, which mooring run --startup
takes, or an edit-config for NETCONF; or, with --target, it commits to a running element, all of it or nothing. With --candidate it leaves the
change in the candidate of the element instead, where nobody else has changes, for somebody to look at and commit.

A report says what became of each line: which nodes it set, what will not work as it stands (W-...), and what was refused and
why (E-...). When anything is refused, nothing is written or committed, unless --partial takes the rest. The report is on standard
error where the result goes to standard output.

With --to it goes the other way: a JSON file, or the running configuration of an element, becomes text, all of it: what routers have
no command for stands in lines that they take for comments, "! mooring: {...}" with RFC 7951 JSON, and is named on standard error.
Importing the text gives the same configuration.

` + exitCodes,
		Example: `  mooring import --from ios-xr router.cfg > lma.json
  mooring import --from ios session.log --format netconf --out edit.xml
  mooring import --from ios-xr router.cfg --onto running.json
  mooring import --from ios-xr router.cfg --target local --dry-run
  mooring import --from ios-xr router.cfg --target local --candidate
  mooring import --from ios-xr - --target lma1.example.net --user alice --password-file password.txt < router.cfg
  mooring import --to ios-xr --state-dir /tmp/lma > router.cfg
  mooring import --to ios lma.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	dialects := slices.Sorted(maps.Keys(ios.Dialects))
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "read a text of `DIALECT`: "+strings.Join(dialects, " or "))
	f.StringVar(&o.to, "to", "", "write a text of `DIALECT`: "+strings.Join(dialects, " or "))
	f.StringVar(&o.Format, "format", "json", "`FORMAT` of the result: json (RFC 7951) or netconf (edit-config)")
	f.StringVar(&o.Out, "out", "", "`FILE` to write the result to, instead of standard output")
	f.StringVar(&o.Onto, "onto", "", "`FILE` (RFC 7951 JSON) with the configuration that the text changes; without it, what it refers to is not judged")
	f.BoolVar(&o.Partial, "partial", false, "take what is not refused")
	f.BoolVar(&o.JSON, "json", false, "report as JSON")
	f.BoolVar(&o.DryRun, "dry-run", false, "with --target: judge what would come out, and commit nothing")
	f.StringVar(&o.element, "target", "", "`HOST[:PORT]` of the gNMI of an element to commit to, or local: the one of --state-dir")
	f.BoolVar(&o.leave, "candidate", false, "with --target: leave it in the candidate, for somebody to commit over NETCONF; HOST is then that of NETCONF over SSH, port 830 unless given")
	targetFlags(f, &o.target)
	f.MarkHidden("address") // --target says it
	cmd.MarkFlagDirname("state-dir")
	cmd.MarkFlagFilename("onto", "json")
	cmd.MarkFlagFilename("out")
	for _, name := range []string{"from", "to"} {
		cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(dialects, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(importer.Formats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("target", cobra.FixedCompletions([]string{here}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *importOptions) run(cmd *cobra.Command, args []string) (err error) {
	o.Stdin, o.Stdout, o.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := o.check(args); err != nil {
		return &usageError{err}
	}
	if closer, err := o.dial(cmd.Context()); err != nil {
		return err
	} else if closer != nil {
		defer func() { err = errors.Join(err, closer.Close()) }()
	}
	if o.to != "" {
		return o.Print(cmd.Context())
	}
	return o.Import(cmd.Context())
}

// check finds what makes no sense about the command line.
func (o *importOptions) check(args []string) error {
	o.File = ""
	if len(args) > 0 {
		o.File = args[0]
	}
	known := false
	o.Dialect, known = ios.Dialects[cmp.Or(o.from, o.to)]
	switch {
	case (o.from == "") == (o.to == ""):
		return errors.New("say --from DIALECT to read a text, or --to DIALECT to write one")
	case !known:
		return fmt.Errorf("dialect %s: it is ios-xr or ios", cmp.Or(o.from, o.to))
	case !slices.Contains(importer.Formats, o.Format):
		return fmt.Errorf("--format %s: it is json or netconf", o.Format)
	case o.from != "" && o.File == "":
		return errors.New("say which file to read; - is standard input")
	case o.to != "" && o.File != "" && o.element != "":
		return errors.New("a FILE and --target exclude each other: one configuration is written")
	case o.File == "-" && o.target.User != "" && o.target.PasswordFile == "-":
		return errors.New("standard input cannot be both the text and the password: say --password-file")
	case o.DryRun && o.element == "":
		return errors.New("--dry-run needs --target: nothing is committed without it")
	case o.leave && o.to != "":
		return errors.New("--candidate is about what is read: it goes with --from")
	case o.leave && o.element == "":
		return errors.New("--candidate needs --target: without it, nothing is put anywhere")
	case o.leave && o.target.Cert != "":
		return errors.New("--candidate is about NETCONF over SSH, which knows no --cert: log in with --user and --password-file")
	case o.Onto != "" && o.element != "":
		return errors.New("--onto and --target exclude each other: a target's own configuration is what changes")
	}
	return nil
}

// dial gets ready to talk with the element, if there is one to talk with.
func (o *importOptions) dial(ctx context.Context) (io.Closer, error) {
	if o.element == "" && (o.to == "" || o.File != "") && o.target.Address == "" {
		return nil, nil
	}
	if o.element != "" && o.element != here {
		o.target.Address = o.element
	}
	if o.leave {
		s, err := manage(ctx, &o.target)
		if err != nil {
			return nil, err
		}
		o.Candidate = s
		return s, nil
	}
	c, err := dial(&o.target)
	if err != nil {
		return nil, err
	}
	o.Element = c
	return c, nil
}
