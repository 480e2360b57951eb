/** The thread's side of `answer-blobs.ts`: one question of a call at a time. */
import type { CustomBlobs } from './declaration.ts'
import type { BlobAnswer, BlobOutcome, BlobQuestion } from './protocol.ts'

export interface BlobQuestions {
  /** What the block of one call is given; its questions end with the signal. */
  blobsOf(id: number, signal: AbortSignal): CustomBlobs
  answered(answer: BlobAnswer): void
}

/** `failure`: an error with a code. */
export function blobQuestions(
  tell: (question: BlobQuestion, given: ArrayBuffer[]) => void,
  failure: (code: string, message: string) => Error,
): BlobQuestions {
  const open = new Map<number, (outcome: BlobOutcome) => void>()
  let next = 1

  const ask = (id: number, signal: AbortSignal, wanted: BlobQuestion['wanted']): Promise<BlobOutcome> => {
    signal.throwIfAborted()
    const number = next++
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        open.delete(number)
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      open.set(number, (outcome) => {
        open.delete(number)
        signal.removeEventListener('abort', onAbort)
        if (outcome.kind === 'failed') reject(failure(outcome.code, outcome.message))
        else resolve(outcome)
      })
      tell({ kind: 'ask', id, ask: number, wanted }, wanted.kind === 'put' ? [wanted.bytes.buffer] : [])
    })
  }

  return {
    blobsOf(id, signal) {
      let last: Promise<unknown> = Promise.resolve()
      const inTurn = <T>(question: () => Promise<T>): Promise<T> => {
        const answer = last.then(question)
        last = answer.catch(() => undefined)
        return answer
      }
      return {
        get: (reference) =>
          inTurn(async () => {
            const outcome = await ask(id, signal, { kind: 'get', reference: String(reference) })
            return outcome.kind === 'got' ? outcome.bytes : new Uint8Array()
          }),
        put: (content, type = null) =>
          inTurn(async () => {
            // a copy: what is handed over is gone here
            const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : Uint8Array.from(content)
            const outcome = await ask(id, signal, { kind: 'put', bytes, type })
            if (outcome.kind !== 'put') throw failure('BLOBS_UNAVAILABLE', 'the blob was not stored')
            return outcome.reference
          }),
      }
    },
    answered: ({ ask, outcome }) => open.get(ask)?.(outcome),
  }
}
