# SPDX-License-Identifier: BSD-3-Clause
"""Medians, ratios, tables."""

import statistics


class Series:
    """The samples of one system in one row."""

    def __init__(self):
        self.samples = []
        self.error = None

    def add(self, sample):
        self.samples.append(sample)

    @property
    def judged(self):
        """Those of a quiet core, if there are any."""
        return [s for s in self.samples if s.is_quiet] or self.samples

    @property
    def cycles(self):
        return statistics.median(s.cycles for s in self.judged) if self.samples else None

    @property
    def mpps(self):
        return statistics.median(s.mpps for s in self.judged) if self.samples else None

    @property
    def spread(self):
        """Half the range of the samples over their median."""
        if len(self.judged) < 2:
            return 0.0
        cycles = [s.cycles for s in self.judged]
        return (max(cycles) - min(cycles)) / 2 / self.cycles

    def as_json(self):
        if not self.samples:
            return {"error": self.error}
        return {
            "mpps": round(self.mpps, 3),
            "cycles": round(self.cycles, 1),
            "spread": round(self.spread, 3),
            "cpu_lost": round(max(s.stolen for s in self.samples), 3),
            "samples": [round(s.cycles, 1) for s in self.samples],
            "core_speeds": [s.core_speed for s in self.samples],
        }


def ratio(a, b):
    """How many times fewer cycles b needs than a, None when one is missing."""
    return a / b if a and b else None


def over_source(row, system):
    source, cycles = row["rxonly"].cycles, row[system].cycles
    return cycles - source if source and cycles else None


def _cell(value, form):
    return form % value if value is not None else "-"


def _align(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def table(rows):
    """rows: [(name, {system: Series})]"""
    head = ("case", "weft Mpps", "weft cyc", "±%", "over source", "rxonly", "io", "OVS Mpps", "OVS cyc",
        "OVS/weft", "weft/io")
    lines = [head]
    for name, row in rows:
        weft, ovs = row["weft"], row["ovs"]
        lines.append((name, _cell(weft.mpps, "%.2f"), _cell(weft.cycles, "%.1f"),
            "%.1f" % (100 * weft.spread), _cell(over_source(row, "weft"), "%.1f"),
            _cell(row["rxonly"].cycles, "%.1f"), _cell(row["io"].cycles, "%.1f"),
            _cell(ovs.mpps, "%.2f"), _cell(ovs.cycles, "%.1f"),
            _cell(ratio(ovs.cycles, weft.cycles), "%.2f"),
            _cell(ratio(weft.cycles, row["io"].cycles), "%.2f")))
    return _align(lines)


def quiet(rows, best):
    """How quiet the core was, in words; None when that was not measured."""
    samples = [s for _, row in rows for series in row.values() for s in series.samples if s.core_speed]
    loud = sum(not s.is_quiet for s in samples)
    if not samples:
        return None
    text = f"core: {best:.1f} additions/ns at its best"
    if loud:
        text += f"; much slower around {loud} of {len(samples)} samples, which count where there is no other"
    return text


def as_json(rows):
    result = []
    for name, row in rows:
        entry = {"case": name, "systems": {s: series.as_json() for s, series in row.items()}}
        for key, value in (("weft_over_source", over_source(row, "weft")),
                ("ovs_by_weft", ratio(row["ovs"].cycles, row["weft"].cycles)),
                ("weft_by_io", ratio(row["weft"].cycles, row["io"].cycles))):
            entry[key] = round(value, 2) if value is not None else None
        result.append(entry)
    return result
