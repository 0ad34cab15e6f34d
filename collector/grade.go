package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/grade"
)

var gradeRows = about(func(r *prober.Result) *grade.Finding { return r.Grade.Finding },
	gauges("tls_grade_info", "The grade of the endpoint by SSL Labs' SSL Server Rating Guide "+grade.Guide+", and the rule that limits it most. The value is 1. Absent if the grade depends on something that was not learned.",
		[]string{"grade", "cap"}, func(f *grade.Finding, set setter) { set(1, string(f.Grade), string(f.Limits[0].Cap)) }),
	gauge("tls_grade_score", "The score of the endpoint by the same guide, from 0 to 100, before the rules limit the grade. 0 if a rule limits it to T, M or F.",
		func(f *grade.Finding) (float64, bool) { return float64(f.Score), true }),
)
