/** `beamline run watch`: a picture that moves on a terminal, a line per event anywhere else. */
import { compileStored } from '../../schemas/flow/compile.ts'
import { toJsonText } from '../../schemas/json.ts'
import { CliError, EXIT, type ExitCode } from './cli-error.ts'
import { followRun, RUN_ENDS } from './follow-run.ts'
import { clean } from './look.ts'
import { printEvent } from './run-events.ts'
import { apply, newRunState, type Place, picture, placesOf } from './run-picture.ts'
import type { Run } from './run-text.ts'
import { openScreen } from './screen.ts'
import { pause, type Shell } from './shell.ts'

const EXIT_BY_STATUS: { readonly [status: string]: ExitCode } = {
  completed: EXIT.ok,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
  timed_out: EXIT.timedOut,
}
/** A run shows up moments after it was accepted. */
const SHOWS_UP_WITHIN_MS = 3_000
const LOOK_AGAIN_MS = 100
const TICK_MS = 500
/** Events of one moment are drawn at once. */
const SOON_MS = 30
const DEFAULT_ROWS = 24

export async function watchRun(shell: Shell, runId: string): Promise<void> {
  const run = await foundRun(shell, runId)
  if (run === null) return shell.exitWith(EXIT.interrupted)
  const live = shell.look.live && !shell.json && !shell.quiet
  const status = live ? await draw(shell, run) : await print(shell, runId)
  shell.exitWith(status === null ? EXIT.interrupted : EXIT_BY_STATUS[status]!)
}

/** Waits a moment for a run that was submitted just now; `null` when it is interrupted. */
async function foundRun(shell: Shell, runId: string): Promise<Run | null> {
  const until = shell.environment.monotonic() + SHOWS_UP_WITHIN_MS
  for (;;) {
    try {
      return await shell.api.getRun({ params: { run_id: runId } })
    } catch (error) {
      const missing = error instanceof CliError && 'status' in error && error.status === 404
      if (missing && shell.interrupted.aborted) return null
      if (!missing || shell.environment.monotonic() > until) throw error
      await pause(shell, LOOK_AGAIN_MS)
    }
  }
}

/** How the run ended; `null`: watching did first. */
async function print(shell: Shell, runId: string): Promise<string | null> {
  for await (const event of followRun(shell, runId)) {
    printEvent(shell, event)
    const end = RUN_ENDS[event.kind]
    if (end !== undefined) return end
  }
  return null
}

async function draw(shell: Shell, run: Run): Promise<string | null> {
  const { stdout, look, environment } = shell
  const places = await placesOfRun(shell, run)
  const state = newRunState(run.run_id, `${clean(run.flow)} v${run.version}`)
  const screen = openScreen(stdout)
  const redraw = (): void => {
    screen.draw(picture(look, state, places, environment.now(), stdout.rows || DEFAULT_ROWS))
  }
  let cancel = (): void => {}
  const tick = (): void => {
    redraw()
    cancel = environment.after(TICK_MS, tick)
  }
  stdout.on?.('resize', redraw)
  try {
    tick()
    for await (const event of followRun(shell, run.run_id)) {
      apply(state, event)
      cancel()
      cancel = environment.after(SOON_MS, tick)
      const end = RUN_ENDS[event.kind]
      if (end !== undefined) return end
    }
    return null
  } finally {
    cancel()
    stdout.off?.('resize', redraw)
    redraw()
    screen.close()
  }
}

/** None where the flow cannot be read: the steps are then shown as they come. */
async function placesOfRun(shell: Shell, { flow, version }: Run): Promise<readonly Place[]> {
  if (version === 0) return []
  try {
    const { document } = await shell.api.getFlowVersion({ params: { flow, version } })
    return placesOf(compileStored(flow, toJsonText(document as Parameters<typeof toJsonText>[0])))
  } catch {
    return []
  }
}
