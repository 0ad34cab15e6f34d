// The rules of ../prometheus and the dashboards of ../grafana as a monitoring mixin: with
// prometheusAlerts and grafanaDashboards, as other mixins have them.
//
//   local tls = (import 'tls_exporter/mixin/mixin.libsonnet') + {
//     _config+:: {
//       runbookURL: 'https://exporter.example.com/runbook',
//       exporterURL: 'https://exporter.example.com',
//     },
//   };
//   { 'tls-rules.json': tls.prometheusAlerts } + tls.grafanaDashboards
//
// It needs go-jsonnet, the Jsonnet of jb, mixtool and Tanka. The one in C++ (tried: 0.18) fails
// on the YAML of the rules.
//
// The alerts need the recorded series of their group from the same evaluation. So the
// recording rules are in prometheusAlerts too, and there is no prometheusRules.
{
  _config+:: {
    // The page to which alerts link. The exporter serves it at /runbook.
    runbookURL: 'docs/runbook.md',
    // The exporter, as browsers reach it: the dashboard of a target links to its pages.
    exporterURL: 'http://localhost:10443',
  },

  prometheusAlerts+:: std.parseYaml(std.strReplace(importstr '../prometheus/rules.yml', 'docs/runbook.md#', $._config.runbookURL + '#')),

  grafanaDashboards+:: {
    'tls-exporter.json': import '../grafana/tls-exporter.json',
    'tls-fleet.json': import '../grafana/tls-fleet.json',
    'tls-target.json': std.parseJson(std.strReplace(importstr '../grafana/tls-target.json', 'http://localhost:10443', $._config.exporterURL)),
  },
}
