/** What an example is, and how one is run: `npm run example -- NAME` and the tests do the same. */
import { Stage } from './stage.ts'

export interface Example<R> {
  /** Also of its folder in `docs/examples`. */
  readonly name: string
  /** One line. */
  readonly about: string
  /** Starts what it needs, does it, tells about it, and returns what came of it. */
  readonly play: (stage: Stage) => Promise<R>
}

export interface PlayOptions {
  readonly say: (text: string) => void
  /** Called while everything still runs; what is running ends when it resolves. */
  readonly afterwards?: (stage: Stage) => Promise<void>
  /** Further variables of the Beamline process. */
  readonly env?: NodeJS.ProcessEnv
  /** Ends the example, with its reason. */
  readonly signal?: AbortSignal
}

/** Nothing of it is left behind: neither processes nor files. @throws {Error} with the end of Beamline's output where the example fails */
export async function playExample<R>(example: Example<R>, options: PlayOptions): Promise<R> {
  const stage = Stage.open(example.name, options.say, options.env ?? {})
  try {
    const result = await Promise.race([example.play(stage), aborted(options.signal)])
    await options.afterwards?.(stage)
    return result
  } catch (error) {
    const words = stage.lastWords
    if (words === '' || options.signal?.aborted === true) throw error
    throw new Error(`${(error as Error).message}\n\nBeamline has ended; it said last:\n${words}`, { cause: error })
  } finally {
    await stage.close()
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
