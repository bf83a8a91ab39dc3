// go_server: a static Go net/http server as a user's own program: it shows which secrets and files it was given.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"sort"
	"strings"
	"syscall"
)

const certs = "/opt/enclave/certs/"

func modeOf(name string) string {
	status, err := os.Stat(certs + name)
	if err != nil {
		return err.Error()
	}
	return status.Mode().String()
}

// Which of the things that an enclave's program must not do were refused, by their error.
func refused() map[string]string {
	out := map[string]string{}
	try := func(what string, err error) {
		out[what] = "done"
		if err != nil {
			out[what] = err.Error()
		}
	}
	const afVsock = 40
	_, err := syscall.Socket(afVsock, syscall.SOCK_STREAM, 0)
	try("vsock", err)
	_, err = os.Open("/dev/nsm")
	try("nsm", err)
	try("mount", syscall.Mount("none", "/tmp", "tmpfs", 0, ""))
	try("reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART))
	return out
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		var names []string
		for _, variable := range os.Environ() {
			names = append(names, strings.SplitN(variable, "=", 2)[0])
		}
		sort.Strings(names)
		json.NewEncoder(w).Encode(map[string]interface{}{
			"environment": names,
			"greeting":    os.Getenv("GREETING"),
			"modes":       map[string]string{"client.crt": modeOf("client.crt"), "client.key": modeOf("client.key"), "ecs-ca.crt": modeOf("ecs-ca.crt")},
			"refused":     refused(),
			"uid":         os.Getuid(),
		})
	})
	http.HandleFunc("/exit", func(w http.ResponseWriter, r *http.Request) { os.Exit(0) })
	if err := http.ListenAndServe("127.0.0.1:3000", nil); err != nil {
		panic(err)
	}
}
