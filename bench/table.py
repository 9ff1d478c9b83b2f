"""Figures as text: one column for each size, or for each of two files."""

AIMS = {"objects_per_second": 40_000, "client_cpu_per_million": 25, "peak_bytes": 100e6, "requests_over_least": 1.02,
        "share_of_ceiling": 0.97, "refused_share": 0.001}

ROWS = [
    ("objects", "objects", "{:,.0f}"),
    ("objects a second, end to end", "objects_per_second", "{:,.0f}"),
    ("  seconds", "seconds", "{:.2f}"),
    ("CPU s per million: trueup", "client_cpu_per_million", "{:.1f}"),
    ("CPU s per million: PostgreSQL", "postgres_cpu_per_million", "{:.1f}"),
    ("CPU s per million: the stand-in", "sandbox_cpu_per_million", "{:.1f}"),
    ("peak memory of trueup, MB", "peak_bytes", "{:.1f}"),
    ("requests", "requests", "{:,.0f}"),
    ("requests over the least", "requests_over_least", "{:.3f}"),
]
BASELINE = [
    ("plain loop: objects a second", "objects_per_second", "{:,.0f}"),
    ("plain loop: CPU s per million", "client_cpu_per_million", "{:.1f}"),
    ("plain loop: PostgreSQL", "postgres_cpu_per_million", "{:.1f}"),
]
CEILING = [
    ("objects", "objects", "{:,.0f}"),
    ("seconds", "seconds", "{:.1f}"),
    ("part of 2,500 a second, whole run", "share_of_ceiling", "{:.1%}"),
    ("part of requests refused", "refused_share", "{:.2%}"),
    ("requests over the least", "requests_over_least", "{:.3f}"),
    ("CPU s per million: trueup", "client_cpu_per_million", "{:.1f}"),
    ("peak memory of trueup, MB", "peak_bytes", "{:.1f}"),
]


# Of what is measured alone: label, key, form, and how many of the figure's unit make one of the table's.
ALONE = [
    ("comparison", "rows of each side", "objects", "{:,.0f}", 1),
    ("comparison", "seconds", "seconds", "{:.2f}", 1),
    ("comparison", "CPU s of PostgreSQL", "postgres_cpu", "{:.2f}", 1),
    ("comparison", "temporary files, MB", "temp_bytes", "{:,.0f}", 1e6),
    ("repairs", "repairs", "repaired", "{:,.0f}", 1),
    ("repairs", "repairs a second", "repairs_per_second", "{:,.0f}", 1),
    ("repairs", "seconds of the whole run", "seconds", "{:.2f}", 1),
    ("accounts", "objects of six lists", "objects", "{:,.0f}", 1),
    ("accounts", "seconds", "seconds", "{:.1f}", 1),
    ("accounts", "part of 15,000 a second, %", "share_of_ceiling", "{:.1f}", 0.01),
    ("accounts", "part of requests refused, %", "refused_share", "{:.2f}", 0.01),
    ("accounts", "peak memory of the largest run, MB", "peak_bytes", "{:.1f}", 1e6),
    ("accounts", "requests over the least", "requests_over_least", "{:.3f}", 1),
    ("accounts", "CPU s per million: all runs", "client_cpu_per_million", "{:.1f}", 1),
    ("night", "invoices of the account", "objects", "{:,.0f}", 1),
    ("night", "of which were paid since", "changed", "{:,.0f}", 1),
    ("night", "requests", "requests", "{:,.0f}", 1),
    ("night", "requests over the least", "requests_over_least", "{:.3f}", 1),
    ("night", "seconds", "seconds", "{:.2f}", 1),
    ("startup", "ms to the first request, median", "seconds", "{:.0f}", 1e-3),
    ("startup", "ms to the first request, least", "seconds_least", "{:.0f}", 1e-3),
    ("startup", "ms of CPU", "cpu", "{:.0f}", 1e-3),
    ("startup", "ms of `trueup --version`", "version_seconds", "{:.0f}", 1e-3),
]
ALONE_AIMS = {
    ("comparison", "seconds"): "<= 3", ("repairs", "repairs_per_second"): ">= 2,000", ("startup", "seconds"): "<= 50",
    ("accounts", "share_of_ceiling"): ">= 97", ("accounts", "refused_share"): "<= 0.10",
    ("accounts", "peak_bytes"): "<= 100", ("accounts", "requests_over_least"): "<= 1.020",
    ("night", "requests_over_least"): "<= 1.100",
}


def alone(result):
    """What is measured alone, as rows of label, figure and aim."""
    return [
        [f"{part}: {label}", form.format(result[part][key] / unit), ALONE_AIMS.get((part, key), "")]
        for part, label, key, form, unit in ALONE if result.get(part)]


def alone_compared(old, new):
    rows = []
    for part, label, key, form, unit in ALONE:
        before, after = (result.get(part) or {} for result in (old, new))
        if key in before and key in after:
            times = f"{after[key] / before[key]:.2f}" if before[key] else "-"
            rows.append([f"{part}: {label}", form.format(before[key] / unit), form.format(after[key] / unit), times])
    return [[""], ["measured alone", "before", "after", "times"]] + rows if rows else []


def _cell(part, key, form):
    if part is None or key not in part:
        return "-"
    return form.format(part[key] / 1e6 if key == "peak_bytes" else part[key])


def _aim(key, form):
    if key not in AIMS:
        return ""
    sign = ">=" if key in ("objects_per_second", "share_of_ceiling") else "<="
    return f"{sign} " + form.format(AIMS[key] / 1e6 if key == "peak_bytes" else AIMS[key])


def lines(rows, parts, aims=True):
    return [
        [label] + [_cell(part, key, form) for part in parts] + ([_aim(key, form)] if aims else [])
        for label, key, form in rows]


def layout(rows):
    widths = [max(len(row[index]) for row in rows if index < len(row)) for index in range(max(map(len, rows)))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def of(result):
    parts = result["unlimited"]
    rows = []
    if parts:
        rows.append(["no limit, no latency"] + [""] * len(parts) + ["aim"])
        rows += lines(ROWS, parts)
        rows += lines(BASELINE, [part["baseline"] for part in parts], aims=False)
        rows.append(["times as fast as the plain loop"] + [f"{part['ratio']:.1f}" for part in parts] + [""])
    if result["ceiling"]:
        ceiling = result["ceiling"]
        rows.append([""])
        rows.append([
            f"Stripe's limits, {ceiling['latency_ms']} to {ceiling['latency_ms'] + ceiling['jitter_ms']} ms away"]
            + [""] * len(parts) + ["aim"])
        rows += [row[:2] + [""] * (len(parts) - 1) + row[2:] for row in lines(CEILING, [ceiling])]
    if alone(result):
        rows += [[""], ["measured alone", "", "aim"]] + alone(result)
    if result.get("parts"):
        rows.append([""])
        rows.append(["single parts, a second", "trueup", "plain", "times", "plain way"])
        rows += [[
            f"{part['part']}, {part['unit']}", f"{part['units_per_second']:,.0f}",
            f"{part['plain_units_per_second']:,.0f}", f"{part['ratio']:,.1f}", part["plain_way"]]
            for part in result["parts"]]
    notes = [
        "Every run above staged each id that the plain loop listed exactly once, found the planted differences and no "
        "other,", "and repaired each one once.",
        f"{result['machine']['processors']} processors ({result['machine']['model']}), load "
        f"{result['machine']['load_before']:.1f} before, {result['machine'].get('load_after', 0):.1f} after; "
        f"{result.get('seconds', 0):.0f} s in all."]
    return layout(rows) + "\n\n" + "\n".join(notes)


def comparison(old, new):
    """Two results side by side, with the new figure as a multiple of the old."""
    rows = []
    for before, after in zip(old["unlimited"], new["unlimited"]):
        if before["objects"] != after["objects"]:
            rows.append([f"{before['objects']:,.0f} against {after['objects']:,.0f} objects", "before", "after", "times"])
        else:
            rows.append([f"{before['objects']:,.0f} objects", "before", "after", "times"])
        rows += _side_by_side(ROWS[1:], before, after)
        rows += _side_by_side(BASELINE, before["baseline"], after["baseline"])
        rows.append([
            "times as fast as the plain loop", f"{before['ratio']:.1f}", f"{after['ratio']:.1f}",
            f"{after['ratio'] / before['ratio']:.2f}"])
        rows.append([""])
    if old["ceiling"] and new["ceiling"]:
        rows.append(["Stripe's limits", "before", "after", "times"])
        rows += _side_by_side(CEILING[1:], old["ceiling"], new["ceiling"])
    rows += alone_compared(old, new)
    for before in old.get("parts", []):
        for after in new.get("parts", []):
            if before["part"] == after["part"]:
                rows += [[""], [before["part"], "before", "after", "times"]]
                rows += _side_by_side([
                    (f"{before['unit']} a second", "units_per_second", "{:,.0f}"),
                    (f"times as fast as {before['plain_way']}", "ratio", "{:,.1f}")], before, after)
    return layout(rows)


def _side_by_side(rows, before, after):
    result = []
    for label, key, form in rows:
        times = f"{after[key] / before[key]:.2f}" if key in before and key in after and before[key] else "-"
        result.append([label, _cell(before, key, form), _cell(after, key, form), times])
    return result
