/** `run watch` on a terminal and in a pipe, and over connections that break. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Output } from '../../../gateway/cli/dependencies.ts'
import { withoutColours } from '../../../gateway/cli/screen.ts'
import { openWorld, type World } from '../support.ts'
import { type Ran, runBeamline } from './support.ts'

const ESC = String.fromCharCode(27)
const FLOWS = [
  'flow: quick\nsteps:\n  - { id: one, type: echo }\n  - { id: two, type: echo, after: [one] }\n  - { id: three, type: echo, after: [one] }\n',
  'flow: broken\nsteps:\n  - { id: one, type: fail, with: { code: OUT_OF_STOCK } }\n',
  'flow: late\ndeadline: 50ms\nsteps:\n  - { id: one, type: wait, with: { for: 1h } }\n',
  'flow: endless\nsteps:\n  - { id: one, type: wait, with: { for: 1h } }\n',
  'flow: long\nsteps:\n  - { id: nap, type: wait, with: { for: 1h } }\n  - { id: two, type: echo, after: [nap] }\n',
  'flow: short\nsteps:\n  - { id: nap, type: sleep, with: { ms: 400 } }\n  - { id: two, type: echo, after: [nap] }\n',
]

let world: World
let url: string
beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  for (const flow of FLOWS) await world.publish(flow)
})
afterAll(() => world.close())

interface Terminal extends Output {
  text: string
  columns: number
  rows: number
  resize(columns: number, rows: number): void
}

function terminal(columns = 80, rows = 24): Terminal {
  const listeners = new Set<() => void>()
  const opened: Terminal = {
    isTTY: true,
    text: '',
    columns,
    rows,
    write(text) {
      opened.text += text
    },
    on: (_event, listener) => void listeners.add(listener),
    off: (_event, listener) => void listeners.delete(listener),
    resize(wide, high) {
      opened.columns = wide
      opened.rows = high
      for (const listener of listeners) listener()
    },
  }
  return opened
}

const beamline = (args: readonly string[], stdout?: Output, more: Record<string, string> = {}, signal?: AbortSignal) =>
  runBeamline(args, {
    variables: { BEAMLINE_URL: url, ...more },
    ...(stdout === undefined ? {} : { stdout }),
    ...(signal === undefined ? {} : { interrupted: signal }),
  })

async function submitted(flow: string): Promise<string> {
  return (await beamline(['run', 'submit', flow, '-q'])).out.trim()
}

/** A run that the server knows, which may be a moment after it was submitted. */
async function begun(flow: string): Promise<string> {
  const id = await submitted(flow)
  await expect.poll(async () => (await beamline(['run', 'show', id])).code).toBe(0)
  return id
}

/** What stands on the screen in the end. */
function lastPicture(text: string): string[] {
  const pictures = text.split('\u001b[J')
  return withoutColours(pictures.at(-1)!.replace('\u001b[?25h', ''))
    .split('\n')
    .filter((line) => line !== '')
}

describe('in a pipe', () => {
  it.each([
    ['quick', 0, 'RunCompleted'],
    ['broken', 1, 'RunFailed'],
    ['late', 6, 'RunTimedOut'],
  ])('%s ends with %i after a line per event, the last %s', async (flow, code, last) => {
    const ran: Ran = await beamline(['run', 'watch', await submitted(flow)])
    const lines = ran.out.trimEnd().split('\n')
    expect({ code: ran.code, err: ran.err }).toEqual({ code, err: '' })
    expect(lines[0]).toMatch(/^\d{4}-\S+Z {2}RunAccepted$/)
    expect(lines.at(-1)).toContain(last)
    expect(ran.out).not.toContain('\u001b')
  })

  it('a run that is cancelled meanwhile ends it with 5, as soon as it is', async () => {
    const id = await begun('endless')
    const watching = beamline(['run', 'watch', id])
    await beamline(['run', 'cancel', id, '--reason', 'enough'])
    expect(await watching).toMatchObject({ code: 5, out: expect.stringMatching(/RunCancelled {2,}enough\n$/) })
  })

  it('every event is there once, and --json gives them as run events does', async () => {
    const id = await submitted('short')
    const watched = await beamline(['run', 'watch', id, '--json'])
    const listed = await beamline(['run', 'events', id, '--json'])
    expect(watched.out).toBe(listed.out)
    const kinds = (await beamline(['run', 'events', id, '-q'])).out.trim().split('\n')
    expect(kinds.filter((kind) => kind === 'StepCompleted')).toHaveLength(2)
  })

  it('Ctrl-C ends it with 130 and leaves the run alone', async () => {
    const id = await begun('endless')
    const stop = new AbortController()
    const watching = beamline(['run', 'watch', id], undefined, {}, stop.signal)
    stop.abort()
    expect((await watching).code).toBe(130)
    expect((await beamline(['run', 'show', id, '-q'])).out).toMatch(/^(accepted|running)\n/)
    await beamline(['run', 'cancel', id])
  })

  it('a run that is not there is said so', async () => {
    const ran = await beamline(['run', 'watch', 'nonsense'])
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(/is no run id/) })
  })
})

describe('on a terminal', () => {
  it('draws the graph, every step under the one that it waits for', async () => {
    const screen = terminal()
    const { code } = await beamline(['run', 'watch', await submitted('quick')], screen)
    expect(code).toBe(0)
    const [head, one, two, three] = lastPicture(screen.text)
    expect(head).toMatch(/^quick v1 {2}[0-9a-f-]{36} {2}completed {2}\d+/)
    expect(one).toMatch(/^✓ one {4,}completed/)
    expect(two).toMatch(/^├─✓ two +completed/)
    expect(three).toMatch(/^└─✓ three +completed/)
    expect(screen.text).toContain(`${ESC}[32m`)
    expect(screen.text.startsWith(`${ESC}[?25l`) && screen.text.endsWith(`${ESC}[?25h`)).toBe(true)
  })

  it('takes NO_COLOR for no colours, and TERM=dumb for a pipe', async () => {
    const id = await submitted('broken')
    const plain = terminal()
    expect((await beamline(['run', 'watch', id], plain, { NO_COLOR: '1' })).code).toBe(1)
    expect(withoutColours(plain.text)).toBe(plain.text)
    expect(lastPicture(plain.text)[1]).toMatch(/^✗ one {2}failed {4,}OUT_OF_STOCK: /)
    const dumb = terminal()
    await beamline(['run', 'watch', id], dumb, { TERM: 'dumb' })
    expect(dumb.text).not.toContain('\u001b')
    expect(dumb.text).toContain('RunFailed')
  })

  it('no line is wider than the terminal, also after it has become narrower', async () => {
    const screen = terminal(60)
    const id = await begun('long')
    const watching = beamline(['run', 'watch', id], screen)
    await expect.poll(() => screen.text.includes('running')).toBe(true)
    const before = screen.text.length
    screen.resize(20, 24)
    await beamline(['run', 'cancel', id])
    await watching
    const after = withoutColours(screen.text.slice(before)).replaceAll(new RegExp(`${ESC}\\[[\\d?]*[A-Za-z]`, 'g'), '')
    for (const line of after.split('\n')) expect(line.replace('\r', '').length).toBeLessThanOrEqual(20)
    // 60 columns of the head have become 3 lines of 20, which are taken back, too
    expect(screen.text.slice(before)).toMatch(new RegExp(`^${ESC}\\[[4-9]A`))
  })
})
