package caa

import (
	"crypto/x509"
	"slices"
	"strings"
)

// operator is a CA, with the domains that it accepts in CAA records.
type operator struct {
	domains string   // separated by spaces
	issuing []string // organisations (O) in the subjects of the certificates that it issues leaves with
	above   []string // organisations in the issuers of those certificates
}

// operators are CAs in the root programs. Both organisations have to match. A certificate
// with the name of a reseller is listed where the CA says that its own domains count. The
// issuer of any other is not known, and then there is no verdict.
//
// The domains are those in the CCADB's report of CAA identifiers (AllCAAIdentifiersReport)
// of July 2025, and in the CAs' practice statements. The organisations are those in the
// certificates of the CCADB on 2026-08-21 (AllCertificatePEMs).
var operators = []operator{
	{"letsencrypt.org", []string{"Let's Encrypt"}, []string{"Internet Security Research Group", "ISRG"}},
	{"pki.goog", []string{"Google Trust Services", "Google Trust Services LLC"}, []string{"Google Trust Services LLC", "GlobalSign", "GlobalSign nv-sa"}},
	{"amazon.com amazontrust.com awstrust.com amazonaws.com aws.amazon.com", []string{"Amazon"}, []string{"Amazon", "Starfield Technologies, Inc."}},
	{
		"digicert.com www.digicert.com digicert.ne.jp cybertrust.ne.jp thawte.com geotrust.com rapidssl.com symantec.com digitalcertvalidation.com " +
			"volusion.digitalcertvalidation.com stratossl.digitalcertvalidation.com intermediatecertificate.digitalcertvalidation.com 1and1.digitalcertvalidation.com " +
			"amazon.com amazontrust.com awstrust.com amazonaws.com quovadisglobal.com pkioverheid.nl",
		[]string{"DigiCert Inc", "DigiCert, Inc.", "DigiCert, Inc", "DigiCert Ireland Limited", "QuoVadis Limited", "QuoVadis Trustlink B.V."},
		[]string{"DigiCert Inc", "DigiCert, Inc.", "QuoVadis Limited", "QuoVadis Trustlink B.V."},
	},
	{"microsoft.com digicert.com", []string{"Microsoft Corporation"}, []string{"Microsoft Corporation", "DigiCert Inc"}},
	{"pki.apple.com", []string{"Apple Inc."}, []string{"DigiCert Inc", "Sectigo Limited", "The USERTRUST Network", "Comodo CA Limited", "COMODO CA Limited"}},
	{
		"sectigo.com usertrust.com trust-provider.com comodo.com comodoca.com entrust.net affirmtrust.com",
		[]string{
			"Sectigo Limited", "Sectigo (Europe) SL", "COMODO CA Limited", "Entrust Limited", "ZeroSSL", "ZeroSSL GmbH", "cPanel, Inc.", "cPanel, LLC",
			"GEANT Vereniging", "Gandi", "Gehirn Inc.", "Genious Communications",
		},
		[]string{"Sectigo Limited", "The USERTRUST Network", "COMODO CA Limited", "Comodo CA Limited"},
	},
	{"entrust.net affirmtrust.com", []string{"Entrust, Inc.", "AffirmTrust"}, []string{"Entrust, Inc.", "Entrust.net", "AffirmTrust"}},
	{
		"ssl.com entrust.net affirmtrust.com", []string{"SSL Corp", "SSL Corporation", "CLOUDFLARE, INC."},
		[]string{"SSL Corporation", "Comodo CA Limited", "SecureTrust Corporation", "Trustwave Holdings, Inc.", "XRamp Security Services Inc", "Entrust, Inc."},
	},
	{"globalsign.com", []string{"GlobalSign nv-sa", "Globalsign nv-sa", "GlobalSign", "GMO GlobalSign Ltd"}, []string{"GlobalSign", "GlobalSign nv-sa"}},
	{
		"godaddy.com starfieldtech.com", []string{"GoDaddy.com, Inc.", "GoDaddy.com", "GoDaddy Inc.", "Starfield Technologies, Inc.", "Starfield Technologies"},
		[]string{"GoDaddy.com, Inc.", "GoDaddy.com", "The Go Daddy Group, Inc.", "Starfield Technologies, Inc.", "Starfield Technologies"},
	},
	{"identrust.com www.identrust.com", []string{"IdenTrust"}, []string{"IdenTrust"}},
	{"certainly.com", []string{"Certainly"}, []string{"Certainly", "Starfield Technologies, Inc."}},
	{"actalis.it", []string{"Actalis S.p.A.", "Actalis S.p.A./03358520967"}, []string{"Actalis S.p.A.", "Actalis S.p.A./03358520967"}},
	{"buypass.com buypass.no", []string{"Buypass AS-983163327"}, []string{"Buypass AS-983163327"}},
	{"certum.pl certum.eu", []string{"Asseco Data Systems S.A.", "Unizeto Technologies S.A."}, []string{"Asseco Data Systems S.A.", "Unizeto Technologies S.A."}},
	{"harica.gr", []string{"Hellenic Academic and Research Institutions CA"}, []string{"Hellenic Academic and Research Institutions CA", "Hellenic Academic and Research Institutions Cert. Authority"}},
	{"telesec.de pki.dfn.de dfn.de", []string{"Deutsche Telekom Security GmbH"}, []string{"Deutsche Telekom Security GmbH", "T-Systems Enterprise Services GmbH"}},
	{"d-trust.net d-trust.de dtrust.de dtrust.net", []string{"D-Trust GmbH"}, []string{"D-Trust GmbH"}},
	{"swisssign.com", []string{"SwissSign AG"}, []string{"SwissSign AG"}},
	{"certigna.fr certigna.com", []string{"Certigna", "Dhimyotis"}, []string{"Certigna", "Dhimyotis"}},
	{"secomtrust.net", []string{"SECOM Trust Systems CO.,LTD.", "SECOM Trust Systems Co., Ltd."}, []string{"SECOM Trust Systems CO.,LTD.", "SECOM Trust Systems Co., Ltd."}},
	{"cybertrust.ne.jp cybertrust.co.jp", []string{"Cybertrust Japan Co., Ltd."}, []string{"Cybertrust Japan Co., Ltd.", "SECOM Trust Systems CO.,LTD.", "SECOM Trust Systems Co., Ltd."}},
	{"jprs.jp acme.jprs.jp", []string{"Japan Registry Services Co., Ltd."}, []string{"SECOM Trust Systems CO.,LTD.", "SECOM Trust Systems Co., Ltd."}},
	{"telia.com telia.fi telia.se trust.telia.com acme.trust.telia.com", []string{"Telia Company AB", "Telia Finland Oyj"}, []string{"Telia Company AB", "Telia Finland Oyj"}},
	{"emsign.com", []string{"eMudhra Technologies Limited", "eMudhra Inc"}, []string{"eMudhra Technologies Limited", "eMudhra Inc"}},
	{"e-szigno.hu", []string{"Microsec Ltd."}, []string{"Microsec Ltd."}},
	{"netlock.hu netlock.net netlock.eu netlock.com", []string{"NETLOCK Kft.", "NETLOCK Ltd."}, []string{"NETLOCK Kft.", "NetLock Kft."}},
	{"disig.sk", []string{"Disig a.s."}, []string{"Disig a.s."}},
	{"certsign.ro", []string{"CERTSIGN SA"}, []string{"CERTSIGN SA", "CERTSIGN S.A."}},
	{"elektronicznypodpis.pl", []string{"Krajowa Izba Rozliczeniowa S.A."}, []string{"Krajowa Izba Rozliczeniowa S.A."}},
	{"fnmt.es", []string{"FNMT-RCM"}, []string{"FNMT-RCM"}},
	{"accv.es", []string{"ISTEC", "ACCV"}, []string{"ISTEC", "ACCV"}},
	{"firmaprofesional.com", []string{"Firmaprofesional SA"}, []string{"Firmaprofesional SA"}},
	{"trustwave.com securetrust.com vikingcloud.com", []string{"Trustwave Holdings, Inc.", "Viking Cloud, Inc.", "SecureTrust"}, []string{"Trustwave Holdings, Inc.", "SecureTrust Corporation", "XRamp Security Services Inc"}},
	{"wisekey.com hightrusted.com certifyid.com oiste.org", []string{"WISeKey", "OISTE Foundation"}, []string{"WISeKey", "OISTE Foundation"}},
	{"ecert.gov.hk hongkongpost.gov.hk", []string{"Hongkong Post"}, []string{"Hongkong Post"}},
	{"twca.com.tw", []string{"TAIWAN-CA"}, []string{"TAIWAN-CA"}},
	{"pki.hinet.net tls.hinet.net eca.hinet.net epki.com.tw publicca.hinet.net", []string{"Chunghwa Telecom Co., Ltd."}, []string{"Chunghwa Telecom Co., Ltd."}},
	{"trustasia.com", []string{"TrustAsia Technologies, Inc."}, []string{"TrustAsia Technologies, Inc."}},
	{"sheca.com imtrust.cn wwwtrust.cn", []string{"UniTrust"}, []string{"UniTrust"}},
	{"cfca.com.cn", []string{"China Financial Certification Authority"}, []string{"China Financial Certification Authority"}},
	{"bjca.cn", []string{"BEIJING CERTIFICATE AUTHORITY"}, []string{"BEIJING CERTIFICATE AUTHORITY"}},
	{"itrus.cn", []string{"iTrusChina Co.,Ltd."}, []string{"iTrusChina Co.,Ltd."}},
	{"navercloudtrust.com", []string{"NAVER Cloud Trust Services Corp."}, []string{"NAVER Cloud Trust Services Corp.", "NAVER BUSINESS PLATFORM Corp."}},
	{"kamusm.gov.tr", []string{"TUBITAK Kamu Sertifikasyon Merkezi"}, []string{"TUBITAK Kamu Sertifikasyon Merkezi", "Turkiye Bilimsel ve Teknolojik Arastirma Kurumu - TUBITAK"}},
}

// domainsOf are the CAA domains of the CA that issued the leaf of a trusted path; nil:
// they are not known. The names in a path are worth as much as its root: only a path that
// the module trusts may be asked about.
func domainsOf(path []*x509.Certificate) []string {
	if len(path) < 2 {
		return nil
	}
	has := func(organizations, listed []string) bool {
		return len(organizations) == 1 && slices.Contains(listed, organizations[0])
	}
	for _, o := range operators {
		if has(path[1].Subject.Organization, o.issuing) && has(path[1].Issuer.Organization, o.above) {
			return strings.Fields(o.domains)
		}
	}
	return nil
}
