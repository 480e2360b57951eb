/** Where the load goes and how much of it there is; every setting is an environment variable (`k6 run -e RATE=100 ...`). */

export const url = __ENV.BEAMLINE_URL || 'http://127.0.0.1:8080'

export function number(name, fallback) {
  const text = __ENV[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  throw new Error(`${name} is '${text}'; expected a number`)
}

export function duration(name, fallback) {
  const text = __ENV[name] || fallback
  if (/^(\d+(ms|s|m|h))+$/.test(text)) return text
  throw new Error(`${name} is '${text}'; expected a duration such as 30s or 2m`)
}

/** Of a duration as k6 takes it. */
export function seconds(text) {
  const units = { ms: 0.001, s: 1, m: 60, h: 3600 }
  let sum = 0
  for (const [, value, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) sum += Number(value) * units[unit]
  return sum
}

/** How long runs may take to end once nothing is submitted any more. */
export const drainSeconds = number('DRAIN_SECONDS', 120)

export const common = {
  setupTimeout: '60s',
  teardownTimeout: `${drainSeconds + 30}s`,
  discardResponseBodies: true,
  noConnectionReuse: false,
  summaryTrendStats: ['avg', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
}
