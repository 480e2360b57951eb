/** The other end of the control socket: asks a process for a profile. */
import { connect } from 'node:net'
import { socketPath } from './control-socket.ts'
import type { Profile } from './profile.ts'

/** An answer is one profile. */
const MAX_ANSWER_BYTES = 512 << 20

/** `null` if nobody listens there any more. @throws {Error} for what the process refuses */
export async function askForProfile(
  folder: string,
  pid: number,
  ms: number,
  signal: AbortSignal,
): Promise<Profile | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  const socket = connect({ path: socketPath(folder, pid) })
  socket.write(`${JSON.stringify({ profile_ms: ms })}\n`)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => socket.destroy(new Error('it was interrupted')), { once: true })
  socket.on('data', (chunk) => {
    chunks.push(chunk as Buffer)
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) socket.destroy(new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`))
  })
  socket.on('end', resolve)
  socket.on('error', reject)
  try {
    await promise
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return null
    throw error
  } finally {
    socket.destroy()
  }
  const answer = JSON.parse(Buffer.concat(chunks).toString()) as Profile & { readonly error?: string }
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer
}
