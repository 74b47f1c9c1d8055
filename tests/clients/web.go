// web.go URL: for each line N on standard input N requests with net/http, each with a connection of its own; prints what
// they get.
package main

import (
	"bufio"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		count, err := strconv.Atoi(lines.Text())
		if err != nil {
			log.Fatal(err)
		}
		for i := 0; i < count; i++ {
			response, err := client.Get(os.Args[1])
			if err != nil {
				log.Fatal(err)
			}
			if _, err := io.Copy(os.Stdout, response.Body); err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
		}
	}
}
