"""The benchmark's result as a table on the terminal, JSON, a plot by gnuplot, and the table of docs/performance.md."""

import json
import subprocess

NAMES = {"stock": "stock Cinder, RBDDriver.clone_image", "librbd": "vtclone, engine librbd",
         "direct": "vtclone, engine direct", "floor": "hand-written loop (floor)"}
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
# what the direct engine is meant to reach, at 32 in flight
TARGETS = (("times stock Cinder's volumes per second", 80, "stock"), ("of the hand-written floor", 0.8, "floor"))

PLOT = """
set terminal svg size 1000,420 dynamic enhanced font 'sans,13' background rgb 'white'
set output '{svg}'
set multiplot layout 1,2
set logscale y
set grid ytics
set key top left
set title 'Volumes per second'
set xlabel 'in flight'
set xtics ('1' 0, '8' 1, '32' 2)
set xrange [-0.3:2.3]
set yrange [1:*]
plot '$clones' using 0:2 with linespoints lw 2 pt 7 title 'stock Cinder', \\
     '' using 0:3 with linespoints lw 2 pt 7 title 'librbd', \\
     '' using 0:4 with linespoints lw 2 pt 7 title 'direct', \\
     '' using 0:5 with linespoints lw 2 pt 7 dt 2 title 'floor'
set title 'Children of one snapshot, 32 in flight'
set xlabel 'children'
set xtics autofreq
set logscale x
set xrange [*:*]
set key bottom left
plot '$growth' using 1:2 with linespoints lw 2 pt 7 lc 3 title 'direct', \\
     '' using 1:3 with linespoints lw 2 pt 7 lc 2 title 'librbd'
unset multiplot
"""


def ratios(result):
    """[(text, value, wanted or None)], what matters most first."""
    at32 = {who: rows[32] for who, rows in result["clones"].items()}
    found = [(text, at32["direct"]["per_second"] / at32[other]["per_second"], wanted)
             for text, wanted, other in TARGETS]
    found.append(("times librbd's volumes per second", at32["direct"]["per_second"] / at32["librbd"]["per_second"], None))
    found.append(("times less client CPU than stock Cinder", at32["stock"]["cpu_ms"] / at32["direct"]["cpu_ms"], None))
    return found


def table(result):
    yield "| who | in flight | volumes/s | p50 ms | p99 ms | OSD operations | connects | CPU ms | peak MiB |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for who, rows in result["clones"].items():
        for ways, row in rows.items():
            yield (f"| {NAMES[who]} | {ways} | {row['per_second']:.1f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
                   f"| {row['osd_ops']:.2f} | {row['connects_each']:.3f} | {row['cpu_ms']:.2f} "
                   f"| {row['peak_kib'] / 1024:.0f} |")


def growth_table(result):
    yield "| children of the snapshot | direct, volumes/s | librbd, volumes/s |"
    yield "|---|---|---|"
    for row in result["growth"]:
        yield f"| {row['children']:,} | {row['direct']:.1f} | {row['librbd']:.1f} |"


def text(result):
    machine = result["machine"]
    lines = ["At 32 in flight the direct engine makes:", ""]
    for what, value, wanted in ratios(result):
        goal = "" if wanted is None else f" (wanted: at least {wanted:g})"
        lines.append(f"- **{value:.2f}** {what}{goal}")
    lines += ["", "Columns from OSD operations to CPU are per volume, by the counters of OSD and monitor; each process's own first "
              "connect is among them.", ""]
    lines += table(result)
    lines += ["", "All children of one snapshot are in one value on the OSD that every clone rewrites:", ""]
    lines += growth_table(result)
    resolve = result["resolve"]
    lines += ["", f"One resolution: {resolve['ns_per_call'] / 1000:.1f} µs; JSON: {resolve['parse_mb_per_s']:.0f} MB/s.", "",
              f"{machine['date']}: {machine['cpus']} x {machine['model']}, {machine['memory_gib']} GiB, shared with the "
              f"cluster: one monitor, one OSD (memstore), Ceph {machine['ceph']}, Cinder {machine['cinder']}. Parent 1 GiB, "
              "volume 2 GiB, features 61."]
    return "\n".join(lines) + "\n"


def plot(result, folder):
    clones = "".join(f"{ways} " + " ".join(f"{result['clones'][who][ways]['per_second']:.2f}" for who in NAMES) + "\n"
                     for ways in result["clones"]["direct"])
    growth = "".join(f"{row['children']} {row['direct']:.2f} {row['librbd']:.2f}\n" for row in result["growth"])
    script = f"$clones << EOD\n{clones}EOD\n$growth << EOD\n{growth}EOD\n"
    script += PLOT.format(svg=folder / "bench.svg").replace("'$clones'", "$clones").replace("'$growth'", "$growth")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def write(result, folder, docs):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    plot(result, folder)
    body = text(result)
    (folder / "bench.md").write_text(body)
    print("\n" + body + f"\n{folder}/bench.json, bench.md, bench.svg")
    for what, value, wanted in ratios(result):
        if wanted is not None:
            print(f"{'reached' if value >= wanted else 'NOT REACHED'}: {value:.2f} {what}, wanted {wanted:g}")
    if docs:
        page = docs.read_text()
        docs.write_text(page[:page.index(BEGIN)] + BEGIN + "\n" + body + END + page[page.index(END) + len(END):])
