from typing import Any
def write_report(run: Any, path: Any) -> tuple[Any, str]:
    out=[]
    for s in run.scenarios:
        for r in run.rows_of(s):
            out.append(f"{s:14} {r:20} {run.median(s,r):10.1f}/s bad {run.bad(s,r)} cpu {run.median(s,r,'server_cpu'):.2f} pss {run.median(s,r,'pss_mib'):.0f} foreign {run.median(s,r,'foreign_cpu_share'):.2f} p99 {run.latency(s,r,.99)[0]:.2f}")
    out.append(str(run.skipped))
    return path, "\n".join(out)
