package clients

import (
	"strconv"
	"strings"

	"tls_exporter/prober/hello"
)

// Client is a TLS client with its defaults: what its ClientHello offers, and what it
// requires of the answer. All of them send the name of the server (SNI).
type Client struct {
	Name     Name
	Title    string // for people
	Released string // year and month
	Source   string // of its ClientHello; see Sources

	Min, Max hello.Version
	Suites   []hello.CipherSuite     // in its order of preference, without signalling values
	Groups   []hello.Group           // in its order of preference
	Shares   []hello.Group           // for which it sends key shares
	Schemes  []hello.SignatureScheme // nil: it does not send them, as it has no TLS 1.2

	// MinDHBits and MaxDHBits are the bounds on the prime of DHE below TLS 1.3, in bits;
	// 0: none.
	MinDHBits, MaxDHBits int
	// StrictOpenSSL is OpenSSL from 3.0 on: below TLS 1.3 it requires secure renegotiation
	// (RFC 5746; SSL_OP_LEGACY_SERVER_CONNECT is off), and it accepts no signature with
	// SHA-1, which all are below TLS 1.2 (security level 1 and above).
	StrictOpenSSL bool

	// Groups by what they are for: TLS 1.3; ECDHE and DHE below it.
	newer, curves, finite []hello.Group
}

func init() {
	for i := range Table {
		c := &Table[i]
		c.newer = common(c.Groups, hello.GroupsFor(hello.TLS13))
		c.curves = common(c.Groups, hello.CurvesFor(hello.TLS12))
		c.finite = without(common(c.Groups, hello.GroupsFor(hello.TLS12)), c.curves)
	}
}

// Sources is where the rows are from, by the first word of Client.Source.
var Sources = map[string]string{
	"testssl.sh": "the ClientHello with this name in etc/client-simulation.txt of testssl.sh 3.3dev of June 2026, which has those of SSL Labs and its own captures",
	"recorded":   "the ClientHello of this program, recorded on loopback in November 2026. A test records it again",
	"captured":   "the list of suites in Microsoft's documentation of SChannel (TLS Cipher Suites in Windows 11 v22H2), and public captures of curl.exe with the JA3 fingerprint fae0e5d973c96ae1888b99538efa0363",
}

// numbers parses hexadecimal numbers of a registry.
func numbers[T ~uint16](list string) (all []T) {
	for _, word := range strings.Fields(list) {
		n, err := strconv.ParseUint(word, 16, 16)
		if err != nil {
			panic(err) // the table is built in
		}
		all = append(all, T(n))
	}
	return all
}

// Table is the clients, as of November 2026. The bounds on DHE are those of testssl.sh and
// of the documentation of each program: jdk.tls.disabledAlgorithms, the security level of
// OpenSSL (2 in Debian from 10 on, and in OpenSSL from 3.2 on; 1.0.2 has required 768 bits
// since CVE-2015-4000), the registry keys of SChannel, and LibreSSL since 2015.
var Table = []Client{
	{
		Name: "android_4_4", Title: "Android 4.4.2", Released: "2013-12", Source: "testssl.sh: android_442",
		Min: hello.SSL30, Max: hello.TLS12,
		Suites:  numbers[hello.CipherSuite]("c030 c02c c014 c00a 00a3 009f 006b 006a 0039 0038 009d 003d 0035 c012 c008 0016 0013 000a c02f c02b c027 c023 c013 c009 00a2 009e 0067 0040 0033 0032 009c 003c 002f c011 c007 0005 0004"),
		Groups:  numbers[hello.Group]("0019 0018 0017"),
		Schemes: numbers[hello.SignatureScheme]("0601 0602 0603 0501 0502 0503 0401 0402 0403 0301 0302 0303 0201 0202 0203 0101"),
	},
	{
		Name: "android_7", Title: "Android 7.0", Released: "2016-08", Source: "testssl.sh: android_70",
		Min: hello.TLS10, Max: hello.TLS12,
		Suites:  numbers[hello.CipherSuite]("c02b c02c cca9 c02f c030 cca8 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("0017"),
		Schemes: numbers[hello.SignatureScheme]("0601 0603 0501 0503 0401 0403 0301 0303 0201 0203"),
	},
	{
		Name: "android_10", Title: "Android 10", Released: "2019-09", Source: "testssl.sh: android_X",
		Min: hello.TLS10, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035 000a"),
		Groups:  numbers[hello.Group]("001d 0017 0018"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0804 0401 0503 0805 0501 0806 0601 0201"),
	},
	{
		Name: "android_16", Title: "Android 16", Released: "2025-06", Source: "testssl.sh: android_16",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("11ec 001d 0017 0018"),
		Shares:  numbers[hello.Group]("11ec 001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0804 0401 0503 0805 0501 0806 0601"),
	},
	{
		Name: "chrome_101", Title: "Chrome 101", Released: "2022-04", Source: "testssl.sh: chrome_101_win10",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("001d 0017 0018"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0804 0401 0503 0805 0501 0806 0601"),
	},
	{
		Name: "chrome_156", Title: "Chromium 156 of Debian", Released: "2026-11", Source: "recorded: chromium",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("11ec 001d 0017 0018"),
		Shares:  numbers[hello.Group]("11ec 001d"),
		Schemes: numbers[hello.SignatureScheme]("0904 0905 0906 0403 0804 0401 0503 0805 0501 0806 0601"),
	},
	{
		Name: "curl_7_88", Title: "curl 7.88.1 of Debian 12, with OpenSSL 3.0", Released: "2023-02", Source: "recorded: curl",
		Min: hello.TLS10, Max: hello.TLS13, MinDHBits: 2048, StrictOpenSSL: true,
		Suites:  numbers[hello.CipherSuite]("1302 1303 1301 c02c c030 009f cca9 cca8 ccaa c02b c02f 009e c024 c028 006b c023 c027 0067 c00a c014 0039 c009 c013 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 001e 0019 0018 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0809 080a 080b 0804 0805 0806 0401 0501 0601 0303 0301 0302 0402 0502 0602"),
	},
	{
		Name: "curl_macos", Title: "curl of macOS, with LibreSSL 3.3.6", Released: "2022-03", Source: "testssl.sh: libressl_336",
		Min: hello.TLS10, Max: hello.TLS13, MinDHBits: 1024,
		Suites:  numbers[hello.CipherSuite]("1303 1302 1301 cca9 cca8 ccaa c030 c02c c028 c024 c014 c00a 009f 006b 0039 ff85 00c4 0088 0081 009d 003d 0035 00c0 0084 c02f c02b c027 c023 c013 c009 009e 0067 0033 00be 0045 009c 003c 002f 00ba 0041 c011 c007 0005 0004 c012 c008 0016 000a"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0806 0601 0603 0805 0501 0503 0804 0401 0403 0201 0203"),
	},
	{
		Name: "firefox_100", Title: "Firefox 100", Released: "2022-05", Source: "testssl.sh: firefox_100_win10",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1303 1302 c02b c02f cca9 cca8 c02c c030 c00a c009 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019 0100 0101"),
		Shares:  numbers[hello.Group]("001d 0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0804 0805 0806 0401 0501 0601 0203 0201"),
	},
	{
		Name: "firefox_137", Title: "Firefox 137", Released: "2025-04", Source: "testssl.sh: firefox_137_win11",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1303 1302 c02b c02f cca9 cca8 c02c c030 c00a c009 c013 c014 009c 009d 002f 0035"),
		Groups:  numbers[hello.Group]("11ec 001d 0017 0018 0019 0100 0101"),
		Shares:  numbers[hello.Group]("11ec 001d 0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0804 0805 0806 0401 0501 0601 0203 0201"),
	},
	{
		Name: "go_1_26", Title: "Go 1.26", Released: "2026-02", Source: "recorded: crypto/tls",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("c02b c02f c02c c030 cca9 cca8 c009 c013 c00a c014 1301 1302 1303"),
		Groups:  numbers[hello.Group]("11ec 11eb 11ed 001d 0017 0018 0019"),
		Shares:  numbers[hello.Group]("11ec 001d"),
		Schemes: numbers[hello.SignatureScheme]("0804 0403 0807 0805 0806 0401 0501 0601 0503 0603"),
	},
	{
		Name: "java_7u25", Title: "Java 7u25", Released: "2013-06", Source: "testssl.sh: java_7u25",
		Min: hello.SSL30, Max: hello.TLS10, MaxDHBits: 1024,
		Suites: numbers[hello.CipherSuite]("c009 c013 002f c004 c00e 0033 0032 c007 c011 0005 c002 c00c c008 c012 000a c003 c00d 0016 0013 0004"),
		Groups: numbers[hello.Group]("0017 0001 0003 0013 0015 0006 0007 0009 000a 0018 000b 000c 0019 000d 000e 000f 0010 0011 0002 0012 0004 0005 0014 0008 0016"),
	},
	{
		Name: "java_8u161", Title: "Java 8u161", Released: "2018-01", Source: "testssl.sh: java_8u161",
		Min: hello.TLS10, Max: hello.TLS12, MinDHBits: 1024, MaxDHBits: 2048,
		Suites:  numbers[hello.CipherSuite]("c024 c028 003d c026 c02a 006b 006a c00a c014 0035 c005 c00f 0039 0038 c023 c027 003c c025 c029 0067 0040 c009 c013 002f c004 c00e 0033 0032 c02c c02b c030 009d c02e c032 009f 00a3 c02f 009c c02d c031 009e 00a2 c008 c012 000a c003 c00d 0016 0013"),
		Groups:  numbers[hello.Group]("0017 0018 0019 0009 000a 000b 000c 000d 000e 0016"),
		Schemes: numbers[hello.SignatureScheme]("0603 0601 0503 0501 0403 0401 0402 0203 0201 0202"),
	},
	{
		Name: "java_8u442", Title: "OpenJDK 8u442", Released: "2025-01", Source: "testssl.sh: java_80442",
		Min: hello.TLS12, Max: hello.TLS13, MinDHBits: 1024,
		Suites:  numbers[hello.CipherSuite]("1302 1301 1303 c02c c02b cca9 c030 cca8 c02f 009f ccaa 009e c024 c028 c023 c027 006b 0067 c00a c014 c009 c013 0039 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019 001e 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("001d 0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0303 0301"),
	},
	{
		Name: "java_11", Title: "OpenJDK 11.0.2", Released: "2019-01", Source: "testssl.sh: java_1102",
		Min: hello.TLS10, Max: hello.TLS13, MinDHBits: 1024,
		Suites:  numbers[hello.CipherSuite]("1301 1302 c02c c02b c030 009d c02e c032 009f 00a3 c02f 009c c02d c031 009e 00a2 c024 c028 003d c026 c02a 006b 006a c00a c014 0035 c005 c00f 0039 0038 c023 c027 003c c025 c029 0067 0040 c009 c013 002f c004 c00e 0033 0032"),
		Groups:  numbers[hello.Group]("0017 0018 0019 0009 000a 000b 000c 000d 000e 0016 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0804 0805 0806 0809 080a 080b 0401 0501 0601 0402 0303 0301 0302 0203 0201 0202"),
	},
	{
		Name: "java_17", Title: "OpenJDK 17.0.15 of Debian 12", Released: "2025-04", Source: "recorded: java",
		Min: hello.TLS12, Max: hello.TLS13, MinDHBits: 1024,
		Suites:  numbers[hello.CipherSuite]("1302 1301 1303 c02c c02b cca9 c030 cca8 c02f 009f ccaa 00a3 009e 00a2 c024 c028 c023 c027 006b 006a 0067 0040 c00a c014 c009 c013 0039 0038 0033 0032 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019 001e 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("001d 0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0402 0303 0301 0302 0203 0201 0202"),
	},
	{
		Name: "java_21", Title: "OpenJDK 21.0.6", Released: "2025-01", Source: "testssl.sh: java_2106",
		Min: hello.TLS12, Max: hello.TLS13, MinDHBits: 1024,
		Suites:  numbers[hello.CipherSuite]("1302 1301 1303 c02c c02b cca9 c030 cca8 c02f 009f ccaa 009e c024 c028 c023 c027 006b 0067 c00a c014 c009 c013 0039 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019 001e 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("001d 0017"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0303 0301"),
	},
	{
		Name: "openssl_1_0_1", Title: "OpenSSL 1.0.1l", Released: "2015-01", Source: "testssl.sh: openssl_101l",
		Min: hello.SSL30, Max: hello.TLS12,
		Suites:  numbers[hello.CipherSuite]("c030 c02c c028 c024 c014 c00a 00a3 009f 006b 006a 0039 0038 0088 0087 c032 c02e c02a c026 c00f c005 009d 003d 0035 0084 c02f c02b c027 c023 c013 c009 00a2 009e 0067 0040 0033 0032 009a 0099 0045 0044 c031 c02d c029 c025 c00e c004 009c 003c 002f 0096 0041 0007 c011 c007 c00c c002 0005 0004 c012 c008 0016 0013 c00d c003 000a 0015 0012 0009 0014 0011 0008 0006 0003"),
		Groups:  numbers[hello.Group]("000e 000d 0019 000b 000c 0018 0009 000a 0016 0017 0008 0006 0007 0014 0015 0004 0005 0012 0013 0001 0002 0003 000f 0010 0011"),
		Schemes: numbers[hello.SignatureScheme]("0601 0602 0603 0501 0502 0503 0401 0402 0403 0301 0302 0303 0201 0202 0203"),
	},
	{
		Name: "openssl_1_0_2", Title: "OpenSSL 1.0.2e", Released: "2015-12", Source: "testssl.sh: openssl_102e",
		Min: hello.SSL30, Max: hello.TLS12, MinDHBits: 768,
		Suites:  numbers[hello.CipherSuite]("c030 c02c c028 c024 c014 c00a 00a5 00a3 00a1 009f 006b 006a 0069 0068 0039 0038 0037 0036 0088 0087 0086 0085 c032 c02e c02a c026 c00f c005 009d 003d 0035 0084 c02f c02b c027 c023 c013 c009 00a4 00a2 00a0 009e 0067 0040 003f 003e 0033 0032 0031 0030 009a 0099 0098 0097 0045 0044 0043 0042 c031 c02d c029 c025 c00e c004 009c 003c 002f 0096 0041 0007 c011 c007 c00c c002 0005 0004 c012 c008 0016 0013 0010 000d c00d c003 000a 0015 0012 000f 000c 0009"),
		Groups:  numbers[hello.Group]("0017 0019 001c 001b 0018 001a 0016 000e 000d 000b 000c 0009 000a"),
		Schemes: numbers[hello.SignatureScheme]("0601 0602 0603 0501 0502 0503 0401 0402 0403 0301 0302 0303 0201 0202 0203"),
	},
	{
		Name: "openssl_1_1_1", Title: "OpenSSL 1.1.1d of Debian 10", Released: "2019-09", Source: "testssl.sh: openssl_111d",
		Min: hello.TLS12, Max: hello.TLS13, MinDHBits: 2048,
		Suites:  numbers[hello.CipherSuite]("1302 1303 1301 c02c c030 009f cca9 cca8 ccaa c02b c02f 009e c024 c028 006b c023 c027 0067 c00a c014 0039 c009 c013 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 001e 0019 0018"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0809 080a 080b 0804 0805 0806 0401 0501 0601 0303 0301 0302 0402 0502 0602"),
	},
	{
		Name: "openssl_3_0", Title: "OpenSSL 3.0.19 of Debian 12", Released: "2026-01", Source: "recorded: openssl",
		Min: hello.TLS10, Max: hello.TLS13, MinDHBits: 2048, StrictOpenSSL: true,
		Suites:  numbers[hello.CipherSuite]("1302 1303 1301 c02c c030 009f cca9 cca8 ccaa c02b c02f 009e c024 c028 006b c023 c027 0067 c00a c014 0039 c009 c013 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 001e 0019 0018 0100 0101 0102 0103 0104"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0503 0603 0807 0808 0809 080a 080b 0804 0805 0806 0401 0501 0601 0303 0301 0302 0402 0502 0602"),
	},
	{
		Name: "openssl_3_5", Title: "OpenSSL 3.5.0", Released: "2025-04", Source: "testssl.sh: openssl_350",
		Min: hello.TLS12, Max: hello.TLS13, MinDHBits: 2048, StrictOpenSSL: true,
		Suites:  numbers[hello.CipherSuite]("1302 1303 1301 c02c c030 009f cca9 cca8 ccaa c02b c02f 009e c024 c028 006b c023 c027 0067 c00a c014 0039 c009 c013 0033 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("11ec 001d 0017 001e 0018 0019 0100 0101"),
		Shares:  numbers[hello.Group]("11ec 001d"),
		Schemes: numbers[hello.SignatureScheme]("0905 0906 0904 0403 0503 0603 0807 0808 081a 081b 081c 0809 080a 080b 0804 0805 0806 0401 0501 0601 0303 0301 0302 0402 0502 0602"),
	},
	{
		Name: "safari_9", Title: "Safari 9 (iOS 9)", Released: "2015-09", Source: "testssl.sh: safari_9_ios9",
		Min: hello.TLS10, Max: hello.TLS12,
		Suites:  numbers[hello.CipherSuite]("c02c c02b c024 c023 c00a c009 c008 c030 c02f c028 c027 c014 c013 c012 009d 009c 003d 003c 0035 002f 000a c007 c011 0005 0004"),
		Groups:  numbers[hello.Group]("0017 0018 0019"),
		Schemes: numbers[hello.SignatureScheme]("0501 0401 0201 0503 0403 0203"),
	},
	{
		Name: "safari_18", Title: "Safari 18.4 (iOS 18.4, macOS 15.4)", Released: "2025-03", Source: "testssl.sh: safari_184_osx_154",
		Min: hello.TLS10, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1301 1302 1303 c02c c02b cca9 c030 c02f cca8 c00a c009 c014 c013 009d 009c 0035 002f c008 c012 000a"),
		Groups:  numbers[hello.Group]("001d 0017 0018 0019"),
		Shares:  numbers[hello.Group]("001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0804 0401 0503 0805 0501 0806 0601 0201"),
	},
	{
		Name: "safari_26", Title: "Safari 26.4 (iOS 26.4, macOS 26.4)", Released: "2026-03", Source: "testssl.sh: safari_264_all",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1302 1303 1301 c02c c02b cca9 c030 c02f cca8 c00a c009 c014 c013 009d 009c 0035 002f c008 c012 000a"),
		Groups:  numbers[hello.Group]("11ec 001d 0017 0018 0019"),
		Shares:  numbers[hello.Group]("11ec 001d"),
		Schemes: numbers[hello.SignatureScheme]("0403 0804 0401 0503 0805 0501 0806 0601 0201"),
	},
	{
		Name: "windows_7", Title: "SChannel of Windows 7 (Internet Explorer 11)", Released: "2013-11", Source: "testssl.sh: ie_11_win7",
		Min: hello.TLS10, Max: hello.TLS12, MinDHBits: 1024, MaxDHBits: 4096,
		Suites:  numbers[hello.CipherSuite]("c028 c027 c014 c013 009f 009e 009d 009c 003d 003c 0035 002f c02c c02b c024 c023 c00a c009 006a 0040 0038 0032 000a 0013"),
		Groups:  numbers[hello.Group]("0017 0018"),
		Schemes: numbers[hello.SignatureScheme]("0601 0603 0401 0501 0201 0403 0503 0203 0202"),
	},
	{
		Name: "windows_10", Title: "SChannel of Windows 10 1703 (Edge 15)", Released: "2017-04", Source: "testssl.sh: edge_15_win10",
		Min: hello.TLS10, Max: hello.TLS12,
		Suites:  numbers[hello.CipherSuite]("c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 009d 009c 003d 003c 0035 002f 000a"),
		Groups:  numbers[hello.Group]("001d 0017 0018"),
		Schemes: numbers[hello.SignatureScheme]("0401 0501 0201 0403 0503 0203 0202 0601 0603"),
	},
	{
		Name: "windows_11", Title: "SChannel of Windows 11 22H2 (curl)", Released: "2022-09", Source: "captured: curl.exe",
		Min: hello.TLS12, Max: hello.TLS13,
		Suites:  numbers[hello.CipherSuite]("1302 1301 c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 009d 009c 003d 003c 0035 002f"),
		Groups:  numbers[hello.Group]("001d 0017 0018"),
		Shares:  numbers[hello.Group]("001d 0017 0018"),
		Schemes: numbers[hello.SignatureScheme]("0804 0805 0806 0401 0501 0201 0403 0503 0203 0202 0601 0603"),
	},
}
