// The type of a dashboard, for a strict check: that of Grafana's Foundation SDK, in which
// the options, the field configuration and the queries of a panel are those of its kind.
// The SDK itself has any there.
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import type * as histogram from "@grafana/grafana-foundation-sdk/histogram";
import type * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

// Written is a type as JSON writes it: an enum is one of its words.
type Written<T> = 0 extends 1 & T ? T : T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;

// With replaces fields of a type.
type With<T, Fields> = Omit<T, keyof Fields> & Fields;

type Query = Omit<prometheus.Dataquery, "_implementsDataqueryVariant">;

// The link of a value has fewer fields than that of a dashboard, whose type the SDK gives it.
type DataLink = Pick<dashboard.DashboardLink, "title" | "url" | "targetBlank">;

type Panel<Kind extends string, Options, Custom = never> = With<dashboard.Panel, {
  type: Kind;
  options: Options;
  targets: Query[];
  fieldConfig: With<dashboard.FieldConfigSource, { defaults: With<dashboard.FieldConfig, { custom?: Custom; links?: DataLink[] }> }>;
}>;

type AnyPanel =
  | Panel<"bargauge", bargauge.Options>
  | Panel<"heatmap", heatmap.Options, heatmap.FieldConfig>
  | Panel<"histogram", histogram.Options, histogram.FieldConfig>
  | Panel<"stat", stat.Options>
  | Panel<"state-timeline", statetimeline.Options, statetimeline.FieldConfig>
  | Panel<"table", table.Options, table.FieldConfig>
  | Panel<"timeseries", timeseries.Options, timeseries.FieldConfig>;

type Row = With<dashboard.RowPanel, { panels: AnyPanel[] }>;

export type Dashboard = Written<With<dashboard.Dashboard, {
  panels: (AnyPanel | Row)[];
  annotations: { list?: With<dashboard.AnnotationQuery, { target: Query }>[] };
}>>;
