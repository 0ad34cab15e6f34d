package guard

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// denials is the built-in deny list: addresses of cloud metadata services, which give
// credentials to every client inside, and addresses that no endpoint can have. Private
// and loopback addresses are not in it, because people monitor them.
var denials = []denial{
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, where clouds have their metadata service"}, // RFC 3927
	{netip.MustParsePrefix("fe80::/10"), "link-local"},                                                // RFC 4291 section 2.5.6
	{netip.MustParsePrefix("fd00:ec2::/32"), "in the block of a cloud metadata service"},              // AWS: fd00:ec2::254
	{netip.MustParsePrefix("fd20:ce::254/128"), "the address of a cloud metadata service"},            // Google
	{netip.MustParsePrefix("168.63.129.16/32"), "the address of a cloud metadata service"},            // Azure
	{netip.MustParsePrefix("100.100.100.200/32"), "the address of a cloud metadata service"},          // Alibaba
	{netip.MustParsePrefix("192.0.0.192/32"), "the address of a cloud metadata service"},              // Oracle Compute Classic (docs.oracle.com, Retrieve Predefined Instance Metadata)
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), "the address of a cloud metadata service"},      // Oracle Cloud Infrastructure (oracle/oci-python-sdk, DEFAULT_METADATA_URL_BASE_IPV6)
	{netip.MustParsePrefix("fd00:42::42/128"), "the address of a cloud metadata service"},             // Scaleway (scaleway-sdk-go, metadataAPIv6)
	{netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"), "the address of a cloud metadata service"},       // Akamai (techdocs.akamai.com, Use the Metadata service API)
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},                                               // RFC 5771
	{netip.MustParsePrefix("ff00::/8"), "multicast"},                                                  // RFC 4291 section 2.7
	{netip.MustParsePrefix("0.0.0.0/8"), "not the address of an endpoint"},                            // RFC 1122 section 3.2.1.3; kernels use 0.0.0.0 for the machine itself
	{netip.MustParsePrefix("::/128"), "not the address of an endpoint"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
}

type denial struct {
	block netip.Prefix
	what  string
}

// deniedByDefault returns why the built-in deny list, or a listener of the exporter,
// excludes a destination. A rule under allow makes an exception to the list if its
// block lies within the denied one, and to a listener if it has a block and exactly
// that port. A rule for all addresses, or for a name, makes none: it was not written
// for these addresses.
func (g *Guard) deniedByDefault(dest target.Destination, means *meaning) error {
	for _, addr := range means.all() {
		for _, d := range denials {
			exception := func(r Rule) bool { return r.CIDR.within(d.block) && r.allows(dest, means) }
			if d.block.Contains(addr) && !slices.ContainsFunc(g.policy.Allow, exception) {
				return fmt.Errorf("%w: %s is %s", failure.ErrDenied, addr, d.what)
			}
		}
		exception := func(r Rule) bool {
			return r.CIDR != CIDR{} && r.Port == Ports{dest.Port, dest.Port} && r.allows(dest, means)
		}
		if g.listeners.contain(netip.AddrPortFrom(addr, dest.Port)) && !slices.ContainsFunc(g.policy.Allow, exception) {
			return fmt.Errorf("%w: %s is the exporter itself", failure.ErrDenied, dest)
		}
	}
	return nil
}

// isLocal reports whether addr may be an address of this machine. They change, so
// the system is queried each time; if that fails, addr may be one of them.
func isLocal(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	local, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(local, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == addr
	})
}
