// Package responder is the part of the test lab that tells which certificates were revoked.
package responder
