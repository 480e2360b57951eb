/** `npm run example`: what is typed, and what is left running with `--keep`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { EXAMPLES } from '../../load/examples/examples.ts'
import { exists, ROOT, read } from '../docs/documents.ts'

const RUN = join(ROOT, 'load/examples/run.ts')
let child: ChildProcess | null = null

afterEach(async () => {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'close')
})

function start(...args: readonly string[]): ChildProcess {
  child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  return child
}

it.each([
  [[], 2, 'usage: npm run example -- NAME'],
  [['--help'], 0, 'usage: npm run example -- NAME'],
  [['no-such'], 2, "there is no example 'no-such'"],
  [['--keeep'], 2, "Unknown option '--keeep'"],
])('%j ends with %i', async (args, code, message) => {
  const { stdout, stderr } = start(...args)
  const said = Promise.all([text(stdout!), text(stderr!)])
  const [ended] = await once(child!, 'close')
  expect((await said).join('')).toContain(message)
  expect(ended).toBe(code)
})

it('--keep leaves everything running until it is ended, and then nothing', async () => {
  const running = start('json-clean-up', '--keep')
  let said = ''
  running.stdout!.setEncoding('utf8').on('data', (more: string) => {
    said += more
  })
  await expect.poll(() => said, { timeout: 180_000 }).toContain('Ctrl-C')
  const url = /BEAMLINE_URL=(\S+)/.exec(said)![1]!
  const folder = /The data are in (\S+)\. /.exec(said)![1]!
  const service = /the contact service listens on (\S+)/.exec(said)![1]!
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(await (await fetch(`${service}/contacts`)).json()).toHaveLength(8)
  expect(existsSync(folder)).toBe(true)

  running.kill('SIGINT')
  const [code] = await once(running, 'close')
  expect(code).toBe(0)
  expect(existsSync(folder)).toBe(false)
  for (const address of [`${url}/readyz`, `${service}/contacts`]) await expect(fetch(address)).rejects.toThrow()
})

it.each(EXAMPLES.map(({ name }) => name))('%s is described, and listed where people look', (name) => {
  const page = `docs/examples/${name}/README.md`
  expect(exists(page), page).toBe(true)
  expect(read(page).split('\n').length).toBeLessThan(80)
  expect(read(page)).toContain(`npm run example -- ${name}`)
  expect(read('README.md')).toContain(`(${page})`)
  expect(read('docs/examples/README.md')).toContain(`(${name}/README.md)`)
})
