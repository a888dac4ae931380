package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Emmanuel326/procjail/cgroupdelegate/systemd"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	start := func() error {
		manager, err := systemd.Dial(ctx, systemd.UserAddresses("/nonexistent", "unix:path=/nonexistent/bus"))
		if err != nil {
			return err
		}
		defer manager.Close()
		job, err := manager.StartScope(ctx, systemd.Scope{Name: "procjail-4711.scope", PIDs: []uint32{4711}})
		if err != nil {
			return err
		}
		return job.Wait(ctx)
	}
	err := start()
	fmt.Println(err)
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// /nonexistent/systemd/private: connect: ENOENT; /nonexistent/bus: connect: ENOENT
	// true
}
