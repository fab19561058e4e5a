package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mooring/cmd/mooring/client"
	"mooring/cmd/mooring/element"
)

// stateDirFlag adds --state-dir.
func stateDirFlag(f *pflag.FlagSet, dir *string) {
	fallback, _ := element.DefaultStateDir() // empty where there is none: then the flag has to be given
	f.StringVar(dir, "state-dir", fallback, "`FOLDER` of the element's configuration, keys and local socket")
}

// needStateDir complains where there is neither the flag nor a home folder to have one in.
func needStateDir(dir string) error {
	if dir == "" {
		return &usageError{errors.New("--state-dir is needed: there is no HOME in the environment to have the folder in")}
	}
	return nil
}

// dial gets ready to talk with a running element.
func dial(t *client.Target) (*client.Client, error) {
	if t.Address == "" {
		if err := needStateDir(t.StateDir); err != nil {
			return nil, err
		}
	}
	return t.Dial()
}

// targetFlags adds the flags of commands that talk with a running element.
func targetFlags(f *pflag.FlagSet, t *client.Target) {
	stateDirFlag(f, &t.StateDir)
	f.StringVar(&t.Address, "address", "", "`HOST[:PORT]` of an element's gNMI, instead of the local socket; port 9339 unless given")
	f.StringVar(&t.User, "user", "", "`NAME` to log in with over TLS")
	f.StringVar(&t.PasswordFile, "password-file", "-", "`FILE` whose first line is the password; - is standard input, and asks at a terminal")
	f.StringVar(&t.Cert, "cert", "", "`FILE` (PEM) with a client certificate to log in with")
	f.StringVar(&t.Key, "key", "", "`FILE` (PEM) with its key")
	f.StringVar(&t.Fingerprint, "fingerprint", "", "SHA-256 `DIGEST` of the certificate that the element has to show")
	f.StringVar(&t.CA, "ca", "", "`FILE` (PEM) with certificates of who may have signed the element's")
	f.BoolVar(&t.InsecureSkipVerify, "insecure-skip-verify", false, "believe whatever certificate the element shows")
}

// managerFlags adds the flags of commands that have something done, over NETCONF.
func managerFlags(f *pflag.FlagSet, t *client.Target) {
	stateDirFlag(f, &t.StateDir)
	f.StringVar(&t.Address, "address", "", "`HOST[:PORT]` of an element's NETCONF over SSH, instead of the local socket; port 830 unless given")
	f.StringVar(&t.User, "user", "", "`NAME` to log in with over SSH")
	f.StringVar(&t.PasswordFile, "password-file", "-", "`FILE` whose first line is the password; - is standard input, and asks at a terminal")
	f.StringVar(&t.Fingerprint, "fingerprint", "", "SHA-256 `DIGEST` of the host key that the element has to show, as it prints it when it starts")
	f.BoolVar(&t.InsecureSkipVerify, "insecure-skip-verify", false, "believe whatever host key the element shows")
}

// manage begins a NETCONF session with a running element.
func manage(ctx context.Context, t *client.Target) (*client.Session, error) {
	if t.Address == "" {
		if err := needStateDir(t.StateDir); err != nil {
			return nil, err
		}
	}
	return t.Manage(ctx)
}

// checkUsage makes what commands complain of about their arguments a matter of usage.
func checkUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		checkUsage(sub)
	}
}
