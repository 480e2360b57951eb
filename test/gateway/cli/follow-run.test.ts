/** Connections that break in every way: no event is missed or given twice. */

import { expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { Api } from '../../../gateway/cli/api.ts'
import { CliError, EXIT } from '../../../gateway/cli/cli-error.ts'
import { followRun } from '../../../gateway/cli/follow-run.ts'
import type { RunEvent } from '../../../gateway/cli/run-events.ts'
import type { Shell } from '../../../gateway/cli/shell.ts'
import { fc } from '../../support/fast-check.ts'

const eventAt = (offset: number, last: number) =>
  ({ kind: offset === last ? 'RunCompleted' : 'StepStarted', position: `events/0/${offset}`, at_ms: 0 }) as RunEvent

type Cut = 'refused' | 'broken' | 'ended' | 'snapshot'

/** A server with `count` events, of which each connection sees `step` more before it is cut; `cuts` says how. */
function server(count: number, step: number, cuts: readonly Cut[]) {
  let known = 0
  let connections = 0
  const more = (): void => {
    known = Math.min(count, known + step)
  }
  const streamEvents = async ({ headers }: { readonly headers: { readonly 'Last-Event-ID'?: string } }) => {
    const cut = cuts[connections++]
    const from = headers['Last-Event-ID'] === undefined ? known : Number(headers['Last-Event-ID']) + 1
    if (cut === 'refused') throw new CliError(EXIT.busy, 'too many clients')
    return (async function* () {
      more()
      for (let offset = from; offset < (cut === undefined ? count : known); offset++) {
        yield { id: String(offset), event: 'message', data: eventAt(offset, count - 1) }
      }
      if (cut === 'broken') throw new Error('ECONNRESET')
      if (cut === 'snapshot') yield { id: 'x', event: 'snapshot_required', data: {} as RunEvent }
    })()
  }
  const runEvents = async () => ({
    events: Array.from({ length: known }, (_, offset) => eventAt(offset, count - 1)),
    next: null,
  })
  return { streamEvents, runEvents } as unknown as Api
}

function shellFor(api: Api): Shell {
  // time that is waited for passes at once
  const environment = {
    ...realEnvironment,
    after: (_ms: number, callback: () => void) => realEnvironment.after(0, callback),
  }
  return { api, environment, interrupted: new AbortController().signal } as unknown as Shell
}

async function offsetsOf(shell: Shell): Promise<number[]> {
  const offsets: number[] = []
  for await (const { position } of followRun(shell, 'run')) offsets.push(Number(position.split('/')[2]))
  return offsets
}

it('every event comes once and in order, however the connections end', async () => {
  const cuts = fc.array(fc.constantFrom<Cut[]>('refused', 'broken', 'ended', 'snapshot'), { maxLength: 9 })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 5 }),
      cuts,
      async (count, step, list) => {
        const offsets = await offsetsOf(shellFor(server(count, step, list)))
        expect(offsets).toEqual(Array.from({ length: count }, (_, offset) => offset))
      },
    ),
  )
})

it('a server that stays away is given up', async () => {
  const away: Cut[] = Array.from({ length: 20 }, () => 'refused')
  await expect(offsetsOf(shellFor(server(3, 1, away)))).rejects.toMatchObject({ exitCode: EXIT.busy })
})
