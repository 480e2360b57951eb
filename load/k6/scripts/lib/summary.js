/** The end of a test: figures in plain text, and everything as JSON where `SUMMARY` says. */

export function handleSummary(data) {
  const files = { stdout: text(data) }
  if (__ENV.SUMMARY) files[__ENV.SUMMARY] = JSON.stringify(data)
  return files
}

function text({ metrics, state }) {
  const lines = ['']
  for (const name of Object.keys(metrics).sort()) {
    const { type, values, thresholds } = metrics[name]
    const wanted =
      name.startsWith('beamline_') || thresholds !== undefined || ['dropped_iterations', 'checks'].includes(name)
    if (!wanted) continue
    const marks = Object.entries(thresholds || {}).map(([rule, { ok }]) => `${ok ? 'ok' : 'FAILED'} ${rule}`)
    lines.push(`  ${name.padEnd(40)} ${figures(type, values).padEnd(60)} ${marks.join(', ')}`)
  }
  lines.push(`  took ${Math.round(state.testRunDurationMs / 1000)} s`, '')
  return lines.join('\n')
}

const short = (value) => (Math.abs(value) >= 100 ? String(Math.round(value)) : String(Math.round(value * 100) / 100))

function figures(type, values) {
  if (type === 'trend')
    return ['med', 'p(95)', 'p(99)', 'max'].map((name) => `${name} ${short(values[name])}`).join('  ')
  if (type === 'rate') return `${short(values.rate * 100)} % (${values.passes} of ${values.passes + values.fails})`
  if (type === 'counter') return `${values.count} (${short(values.rate)}/s)`
  return short(values.value)
}
