// Moves bytes over crypto/tls and says on stdout what each end of each connection moved, as
// tlspeers does: peers CERTIFICATE KEY MODE. It is its own client and server, over loopback.
//
//	alone   a hundred goroutines, each with a connection of its own
//	shared  a hundred goroutines that take turns on ten connections
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"net"
	"os"
	"sync"
)

type sum struct {
	Len    int    `json:"len"`
	Sha256 string `json:"sha256"`
}

// One end of a connection, and what it moved.
type end struct {
	conn     *tls.Conn
	role     string
	got, put hash.Hash
	n, m     int
	lock     sync.Mutex
}

func newEnd(conn *tls.Conn, role string) *end {
	return &end{conn: conn, role: role, got: sha256.New(), put: sha256.New()}
}

// Sends from the bottom of a deep stack, which has to grow on the way, and moves by that.
func (e *end) send(bytes []byte, depth int) {
	var room [512]byte
	if depth > 0 {
		room[depth%512] = byte(depth)
		e.send(bytes, depth-1)
		if room[depth%512] != byte(depth) {
			panic("the stack was not kept")
		}
		return
	}
	n, err := e.conn.Write(bytes)
	check(err)
	e.put.Write(bytes[:n])
	e.m += n
}

func (e *end) receive(wanted int) {
	buffer := make([]byte, 10000)
	for e.n < wanted {
		n, err := e.conn.Read(buffer)
		check(err)
		e.got.Write(buffer[:n])
		e.n += n
	}
}

var out sync.Mutex

func say(line any) {
	out.Lock()
	defer out.Unlock()
	check(json.NewEncoder(os.Stdout).Encode(line))
}

func (e *end) report() {
	total := func(n int, h hash.Hash) sum { return sum{n, fmt.Sprintf("%x", h.Sum(nil))} }
	say(map[string]any{"line": "conn", "role": e.role, "pid": os.Getpid(), "tid": os.Getpid(),
		"local": e.conn.LocalAddr().String(), "remote": e.conn.RemoteAddr().String(),
		"read": total(e.n, e.got), "write": total(e.m, e.put)})
	e.conn.Close()
}

// Each goroutine sends so many times, and the server answers when it has all of it.
const rounds, answer = 8, 30000

var sizes = []int{1, 100, 4096, 16384, 16385, 40000}

func client(address string, config *tls.Config, goroutines int, done *sync.WaitGroup) {
	defer done.Done()
	plain, err := net.Dial("tcp", address)
	check(err)
	e := newEnd(tls.Client(plain, config), "client")
	check(e.conn.Handshake())
	var all sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for round := 0; round < rounds; round++ {
				bytes := make([]byte, sizes[(g+round)%len(sizes)])
				rand.Read(bytes)
				e.lock.Lock()
				e.send(bytes, round*20)
				e.lock.Unlock()
			}
		}(g)
	}
	all.Wait()
	e.conn.CloseWrite()
	e.receive(answer)
	e.report()
}

func serve(e *end, done *sync.WaitGroup) {
	defer done.Done()
	buffer := make([]byte, 20000)
	for {
		n, err := e.conn.Read(buffer)
		e.got.Write(buffer[:n])
		e.n += n
		if err == io.EOF {
			break
		}
		check(err)
	}
	bytes := make([]byte, answer)
	rand.Read(bytes)
	e.send(bytes, 50)
	e.report()
}

func main() {
	pair, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	connections, goroutines := 100, 1
	if os.Args[3] == "shared" {
		connections, goroutines = 10, 10
	}
	say(map[string]any{"line": "gate", "pid": os.Getpid(), "name": "start"})
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	check(err)
	var done sync.WaitGroup
	for n := 0; n < connections; n++ {
		done.Add(2)
		go client(listener.Addr().String(), config, goroutines, &done)
		plain, err := listener.Accept()
		check(err)
		go serve(newEnd(tls.Server(plain, config), "server"), &done)
	}
	done.Wait()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
