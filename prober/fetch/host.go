package fetch

import "time"

// host is a server that did not answer. While it pauses, nothing is asked of it, whatever
// the URL: a thousand certificates name the same responder.
type host struct {
	pauses  int
	next    time.Time // nothing is asked before it
	trying  bool      // a download tries whether it answers again
	failure error
}

// maxHosts bounds the hosts that are remembered.
const maxHosts = 4096

// observe records whether a server answered. h is the host that the download tried; nil:
// it was not known to fail when the download began. Of many such downloads the first that
// fails counts.
func (s *Store) observe(key [16]byte, h *host, r *result, now time.Time) {
	if h != nil {
		h.trying = false
	}
	known := s.hosts[key]
	switch {
	case r.answered:
		delete(s.hosts, key)
	case isLocal(r.failure):
	case known == nil:
		s.forgetHosts(now)
		s.hosts[key] = &host{pauses: 1, next: now.Add(pauseAfter(0)), failure: r.failure}
	case h != nil:
		h.failure, h.next = r.failure, now.Add(pauseAfter(h.pauses))
		h.pauses++
	}
}

// forgetHosts makes room for one more host: those whose pause is over first.
func (s *Store) forgetHosts(now time.Time) {
	if len(s.hosts) < maxHosts {
		return
	}
	for key, h := range s.hosts {
		if !h.trying && now.After(h.next) {
			delete(s.hosts, key)
		}
	}
	for key, h := range s.hosts {
		if len(s.hosts) < maxHosts {
			return
		}
		if !h.trying {
			delete(s.hosts, key)
		}
	}
}
