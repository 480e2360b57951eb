/** `npm run example -- NAME [--keep]`: plays one of the examples in `docs/examples` with real processes, in a temporary folder, on free ports. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { playExample } from './example.ts'
import { EXAMPLES } from './examples.ts'
import type { Stage } from './stage.ts'
import { tableOf } from './table.ts'

const USAGE = `usage: npm run example -- NAME... [--keep]

${tableOf(
  ['name', 'what it shows'],
  EXAMPLES.map(({ name, about }) => [name, about]),
)}

  --keep  leaves everything running for looking around, until Ctrl-C
Each is described in docs/examples/NAME/README.md.`

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  })
  if (values.help || positionals.length === 0) {
    console.log(USAGE)
    return values.help ? 0 : 2
  }
  const examples = positionals.map((name) => {
    const example = EXAMPLES.find((one) => one.name === name)
    if (example === undefined) throw new TypeError(`there is no example '${name}'\n\n${USAGE}`)
    return example
  })
  for (const example of examples) {
    console.log(`\n${example.name}: ${example.about}\n`)
    await playExample(example, {
      say: (text) => console.log(text),
      signal,
      ...(values.keep ? { afterwards: (stage) => keptOpen(stage, signal) } : {}),
    })
  }
  return 0
}

async function keptOpen(stage: Stage, signal: AbortSignal): Promise<void> {
  console.log(`
Everything is still running. In another terminal, in this folder:

  export BEAMLINE_URL=${stage.url}
  npx beamline run list
  npx beamline flow list

The data are in ${stage.folder}. Ctrl-C ends and removes all of it.`)
  if (!signal.aborted) await once(signal, 'abort')
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => interrupted.abort(new Error(`interrupted by ${name}`)))
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal)
} catch (error) {
  console.error(`error: ${(error as Error).message}`)
  process.exitCode = error instanceof TypeError ? 2 : 1
}
