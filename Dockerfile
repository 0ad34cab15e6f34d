# syntax=docker/dockerfile:1
ARG BUILD_IMAGE=golang:1.26-bookworm
ARG RUN_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/prometheus/common/version.Version=${VERSION}" \
      -o /image/tls_exporter . \
 && mkdir -p /image/etc/ssl/certs /image/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && chmod 1777 /image/tmp

# Only the binary, the CA roots, and an empty /tmp for the demo.
FROM ${RUN_IMAGE}
COPY --from=build /image/ /
USER 65534:65534
EXPOSE 10443
ENTRYPOINT ["/tls_exporter"]
