package hello

import (
	"bytes"
	"errors"
	"testing"
)

// TestParse13 checks messages that the functions for TLS 1.3 have to reject.
func TestParse13(t *testing.T) {
	tooMany := make([]byte, 0, 4*(maxExtensions+1))
	for i := range maxExtensions + 1 {
		tooMany = append(tooMany, byte(i>>8), byte(i), 0, 0)
	}
	hello := func(session int) []byte {
		b, err := (&ServerHello{LegacyVersion: TLS12, SessionID: make([]byte, session)}).MarshalMessage()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if _, err := ParseServerHello(hello(maxSessionID)); err != nil {
		t.Error(err)
	}
	version := Extension{extSupportedVersions, []byte{3, 4}}
	twice, err := (&ServerHello{LegacyVersion: TLS12, Extensions: []Extension{version, version}}).MarshalMessage()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		message []byte
		parse   func([]byte) error
		want    error
	}{
		"byte after the message":   {append(AppendFinished(nil, make([]byte, 32)), 0), parseError(ParseFinished), ErrMalformed},
		"message of another type":  {message(MsgCertificate, 1), parseError(ParseFinished), ErrMalformed},
		"session ID of 33 bytes":   {hello(maxSessionID + 1), parseError(ParseServerHello), ErrMalformed},
		"supported_versions twice": {twice, parseError(ParseServerHello), ErrMalformed},
		"257 extensions":           {message(MsgEncryptedExtensions, vec16(tooMany...)...), parseError(ParseEncryptedExtensions), ErrTooLarge},
		"extension twice":          {message(MsgEncryptedExtensions, vec16(bytes.Repeat([]byte{0, 0, 0, 0}, 2)...)...), parseError(ParseEncryptedExtensions), ErrMalformed},
		"empty certificate":        {message(MsgCertificate, 0, 0, 0, 5, 0, 0, 0, 0, 0), parseError(ParseCertificate13), ErrMalformed},
		"extension not offered":    {message(MsgCertificate, 0, 0, 0, 10, 0, 0, 1, 7, 0, 4, 0, 50, 0, 0), parseError(ParseCertificate13), ErrMalformed},
		"CertificateVerify, short": {message(MsgCertificateVerify, 4, 3, 0, 2, 1), parseError(ParseCertificateVerify), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.parse(test.message); !errors.Is(err, test.want) {
				t.Errorf("the error is %v, want %v", err, test.want)
			}
		})
	}
}

// parseError returns a function that parses a message and returns only the error.
func parseError[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(message []byte) error {
		_, err := parse(message)
		return err
	}
}

// TestMessageSize checks the size of a message, whether it is whole or not.
func TestMessageSize(t *testing.T) {
	for _, test := range []struct {
		message []byte
		size    int
		ok      bool
	}{
		{nil, 0, false},
		{[]byte{1, 2, 3}, 0, false},
		{[]byte{1, 0, 0, 0}, 4, true},
		{[]byte{1, 2, 3, 4, 5}, 4 + 0x020304, true},
		{[]byte{1, 0xff, 0xff, 0xff}, 4 + 0xffffff, true},
	} {
		if size, ok := MessageSize(test.message); size != test.size || ok != test.ok {
			t.Errorf("%x: %d, %v; want %d, %v", test.message, size, ok, test.size, test.ok)
		}
	}
}
