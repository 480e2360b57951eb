/** Line plots as SVG text, with nothing but what a report needs. */

export interface Line {
  readonly name: string
  /** Seconds from the start, and the value. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
  /** A bound that the values should keep; drawn where it lies within the plot. */
  readonly bound?: number
}

const WIDTH = 880
const HEIGHT = 220
const LEFT = 64
const RIGHT = 16
const TOP = 30
const BOTTOM = 26
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2']
const TICKS = 4

export function plotSvg({ title, unit, lines, bound }: Plot): string {
  const points = lines.flatMap((line) => line.points)
  const maxX = Math.max(1, ...points.map(([x]) => x))
  const maxY = roundUp(Math.max(0, ...points.map(([, y]) => y)) || 1)
  const x = (value: number): number => round(LEFT + (value / maxX) * (WIDTH - LEFT - RIGHT))
  const y = (value: number): number => round(HEIGHT - BOTTOM - (value / maxY) * (HEIGHT - TOP - BOTTOM))
  const parts = [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11">`,
    `<text x="${LEFT}" y="14" font-size="13" font-weight="600">${escaped(title)} (${escaped(unit)})</text>`,
    ...grid(maxX, maxY, x, y),
    ...(bound !== undefined && bound < maxY ? [rule(bound, x(0), x(maxX), y(bound))] : []),
    ...lines.map((line, index) => path(line, colour(index), x, y)),
    ...lines.map((line, index) => legend(line.name, index)),
    '</svg>',
  ]
  return parts.join('\n')
}

type Scale = (value: number) => number

function grid(maxX: number, maxY: number, x: Scale, y: Scale): string[] {
  return Array.from({ length: TICKS + 1 }, (_, index) => {
    const atY = (maxY / TICKS) * index
    const atX = (maxX / TICKS) * index
    return [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(atY)}" y2="${y(atY)}" stroke="#e5e7eb"/>`,
      `<text x="${LEFT - 6}" y="${y(atY) + 4}" text-anchor="end" fill="#6b7280">${short(atY)}</text>`,
      `<text x="${x(atX)}" y="${HEIGHT - 8}" text-anchor="middle" fill="#6b7280">${short(atX)} s</text>`,
    ].join('')
  })
}

function rule(bound: number, from: number, to: number, at: number): string {
  const text = `<text x="${to}" y="${at - 3}" text-anchor="end" fill="#991b1b">${short(bound)}</text>`
  return `<line x1="${from}" x2="${to}" y1="${at}" y2="${at}" stroke="#991b1b" stroke-dasharray="4 3"/>${text}`
}

/** Where nothing was measured the line is broken. */
function path({ points }: Line, stroke: string, x: Scale, y: Scale): string {
  const steps = points.map(([at, value], index) => {
    const before = points[index - 1]
    const move = before === undefined || at - before[0] > 5 ? 'M' : 'L'
    return `${move}${x(at)} ${y(value)}`
  })
  return `<path d="${steps.join('')}" fill="none" stroke="${stroke}" stroke-width="1.5"/>`
}

function legend(name: string, index: number): string {
  const at = WIDTH - RIGHT - 150 - 130 * Math.max(0, 2 - index)
  const text = `<text x="${at + 14}" y="14" fill="#374151">${escaped(name)}</text>`
  return `<rect x="${at}" y="6" width="10" height="10" fill="${colour(index)}"/>${text}`
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length]!
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power
}

export function short(value: number): string {
  if (value >= 1e9) return `${round(value / 1e9)}G`
  if (value >= 1e6) return `${round(value / 1e6)}M`
  if (value >= 1e4) return `${round(value / 1e3)}k`
  return String(round(value))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

export function escaped(text: string): string {
  const names: { readonly [character: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (character) => names[character]!)
}
