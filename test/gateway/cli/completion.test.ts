/** The scripts in real shells, as far as this machine has them, and the answers that they ask for. */
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'
import { runBeamline } from './support.ts'

let world: World
let url: string
const folder = mkdtempSync(join(tmpdir(), 'beamline-completion-'))
beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  await world.publish('flow: order\nsteps:\n  - { id: a, type: echo }\n')
  await world.publish('flow: refund\nsteps:\n  - { id: a, type: echo }\n')
  // what a shell finds on its path
  const main = resolve(import.meta.dirname, '../../../wiring/command.ts')
  writeFileSync(join(folder, 'beamline'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`)
  chmodSync(join(folder, 'beamline'), 0o755)
  writeFileSync(join(folder, 'order.yaml'), '')
})
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

async function answers(...words: string[]): Promise<string[]> {
  const { code, out, err } = await runBeamline(['__complete', '--', ...words], { variables: { BEAMLINE_URL: url } })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out.split('\n').filter((line) => line !== '')
}

describe('answers', () => {
  it.each([
    [['fl'], ['flow']],
    [['run', 'ca'], ['cancel']],
    [
      ['flow', 'show', ''],
      ['order', 'refund'],
    ],
    [['run', 'submit', 'o'], ['order']],
    [
      ['run', 'list', '--flow', ''],
      ['order', 'refund'],
    ],
    [
      ['run', 'list', '--flow', 'order', '--status', 'c'],
      ['completed', 'cancelled'],
    ],
    [['run', 'list', '--wai'], ['--waiting-for']],
    [['run', 'list', '--js'], ['--json']],
    [['--tenant', 'acme', 'flow', 'pub'], ['publish']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['topic', 'tail', 'ev'], ['events']],
    [['worker', 'list', '--pool', 'g'], ['gpu']],
    [
      ['op', 'start', 're'],
      ['retry', 'rerun', 'replay'],
    ],
    [['flow', 'check', ''], []],
    [['flow', 'show', 'order', ''], []],
    [['nonsense', ''], []],
  ])('%j gives %j', async (words, expected) => {
    // nobody waits long at a prompt: names that do not come soon are left out, until they are asked for again
    const found = expect.poll(() => answers(...words))
    // an unknown command has all of them to choose from
    if (words[0] === 'nonsense') await found.toContain('flow')
    else await found.toEqual(expected)
  })

  it('what nobody should type is not among them', async () => {
    expect(await answers('')).not.toContain('__complete')
  })

  it('without a server there are no names, and no noise', async () => {
    const { code, out, err } = await runBeamline(['__complete', '--', 'flow', 'show', ''], {
      variables: { BEAMLINE_URL: 'http://127.0.0.1:3' },
    })
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' })
  })
})

const run = promisify(execFile)
const has = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0
const environment = () => ({
  ...process.env,
  PATH: `${folder}:${process.env.PATH}`,
  BEAMLINE_URL: url,
  NODE_NO_WARNINGS: '1',
})

describe.skipIf(!has('bash'))('in bash', () => {
  /** What the shell would offer after each of these lines of words. */
  async function offered(lines: readonly (readonly string[])[]): Promise<string[][]> {
    const calls = lines.map((words) => {
      const list = ['beamline', ...words].map((word) => `'${word}'`).join(' ')
      return `COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _beamline; echo "\${COMPREPLY[*]}"`
    })
    const script = ['source <(beamline completion bash)', ...calls, 'complete -p beamline >&2'].join('\n')
    const { stdout, stderr } = await run('bash', ['-c', script], { env: environment(), cwd: folder })
    expect(stderr).toBe('complete -o default -F _beamline beamline\n')
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
  }

  it('commands, options and names of flows are offered, and names of files left to the shell', async () => {
    const lines = [
      ['flow', 'p'],
      ['run', 'submit', ''],
      ['run', 'list', '--fl'],
      ['flow', 'publish', 'ord'],
      ['run', 'c'],
    ]
    await expect
      .poll(() => offered(lines))
      .toEqual([['publish'], ['order', 'refund'], ['--flow', '--flow-version'], [''], ['cancel']])
  })
})

it.skipIf(!has('zsh')).each([['zsh', '-n']])('%s reads its script', async (shell, check) => {
  const file = join(folder, `script.${shell}`)
  writeFileSync(file, (await runBeamline(['completion', shell])).out)
  await run(shell, [check, file])
})

it.skipIf(!has('fish')).each([['fish', '--no-execute']])('%s reads its script', async (shell, check) => {
  const file = join(folder, `script.${shell}`)
  writeFileSync(file, (await runBeamline(['completion', shell])).out)
  await run(shell, [check, file])
})
