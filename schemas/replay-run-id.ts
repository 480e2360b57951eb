/** Which run a replay begins: known to whoever asks for it before it begins. */
import { createHash } from 'node:crypto'
import { newRunId, placementOf, type RunId } from './ids.ts'

/** The same letter and replay give the same run, with the home of the run that failed. */
export function replayRunId(failed: RunId, letterId: string, replayId: string): RunId {
  const hash = createHash('sha256').update(`${replayId}\0${letterId}`).digest()
  let at = 0
  return newRunId(placementOf(failed), () => {
    at += 4
    return hash.readUInt32BE(at - 4)
  })
}
