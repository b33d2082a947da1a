"""Plots of values over time as SVG, without a library."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW = 900, 170, 70, 20, 30, 22
COLOURS = ("#2a6f97", "#c8553d", "#588157", "#8a5a9e")


def text(x, y, words, anchor="start", extra=""):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{extra}>{words}</text>'


def ceiling(value):
    """A round number of at least `value`."""
    step = 1
    while step * 10 < value:
        step *= 10
    return next(factor * step for factor in (1, 2, 3, 4, 5, 6, 8, 10) if factor * step >= value) if value > 0 else 1


def panel(top, title, series, until, marks):
    """One diagram at `top`: `series` is {name: [(second, value)]}, `marks` is {name: [second]}, vertical lines."""
    most = ceiling(max((value for points in series.values() for _, value in points), default=1))
    bottom = top + HEIGHT - BELOW
    right = WIDTH - RIGHT

    def x(second):
        return LEFT + (right - LEFT) * second / until

    def y(value):
        return bottom - (bottom - top - TOP) * value / most

    out = [text(LEFT, top + 18, title, extra=' font-weight="bold"')]
    for part in range(5):
        value = most * part / 4
        out.append(f'<line x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, y(value) + 4, f"{value:g}", "end"))
    names = right
    for number, (name, seconds) in enumerate(marks.items()):
        out += [f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{top + TOP}" y2="{bottom}" stroke="{COLOURS[2 + number]}" stroke-opacity="0.4"/>' for at in seconds]
        out.append(text(names, top + 18, name, "end", f' fill="{COLOURS[2 + number]}"'))
        names -= 9 * len(name) + 12
    for number, (name, points) in enumerate(series.items()):
        dots = "".join(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="1.6"/>' for at, value in points)
        out.append(f'<g fill="{COLOURS[number]}">{dots}</g>')
        if len(series) > 1:
            out.append(text(names, top + 18, name, "end", f' fill="{COLOURS[number]}"'))
            names -= 9 * len(name) + 12
    for minute in range(0, int(until // 60) + 1, max(1, int(until // 600))):
        out.append(text(x(minute * 60), bottom + 16, f"{minute} min", "middle"))
    return out


def plot(file, heading, panels, until):
    """Writes `panels`, each (title, series, marks), one below the other."""
    height = 34 + HEIGHT * len(panels)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>', text(LEFT, 22, heading, extra=' font-size="15"')]
    for number, (title, series, marks) in enumerate(panels):
        out += panel(34 + HEIGHT * number, title, series, max(until, 1), marks)
    file.write_text("\n".join([*out, "</svg>"]) + "\n")
