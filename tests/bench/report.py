"""Tables for people, and the plot."""

import os
import shutil
import subprocess

from lab import BUILD


def heading(text):
    print(f"\n{text}")


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())


def absent(missing):
    for name, why in missing:
        print(f"  {name} is not here: {why.strip()}")


def spread(value, digits=0):
    """A median, with min and max."""
    return f"{value['median']:,.{digits}f} ({value['min']:,.{digits}f}–{value['max']:,.{digits}f})"


def interval(value):
    """A median, with the interval in which it is in 95 of 100 cases."""
    return f"{value['median']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def us(ns):
    return f"{ns / 1000:,.1f}"


def plot(results):
    """How long connect took: the share of connections that were made in so many µs, one thread."""
    of = results.get("connect", {}).get("configurations", {}).get("connect, 1 thread")
    if not of:
        return None
    if not shutil.which("gnuplot"):
        print("\ngnuplot is not installed: no plot", end="")
        return None
    path = os.path.join(BUILD, "bench.svg")
    script = [
        "set terminal svg size 900,520 font 'sans,12' background 'white'",
        f"set output '{path}'",
        "set title 'connect, one thread: share of connections made within'",
        "set xlabel 'µs'", "set logscale x", "set xrange [10:1000]", "set yrange [0:1]",
        "set format y '%.1f'", "set key right bottom", "set grid",
    ]
    for i, (name, peer) in enumerate(of.items()):
        total = sum(count for _, count in peer["buckets"])
        seen, points = 0, []
        for ns, count in peer["buckets"]:
            seen += count
            points.append(f"{ns / 1000} {seen / total}")
        script += [f"$data{i} << END", *points, "END"]
    script.append("plot " + ", ".join(
        f"$data{i} using 1:2 with lines linewidth 2 title '{name}'" for i, name in enumerate(of)))
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
    return path
