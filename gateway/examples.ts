/** Publishes the example flows where the default tenant has no flow yet. */
import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Environment } from '../topology/environment.ts'

export interface ExampleFlow {
  /** Name of its file. */
  readonly name: string
  readonly text: string
}

export interface PublishExamples {
  readonly environment: Environment
  readonly signal: AbortSignal
  /** Told why it has not worked yet. */
  readonly onFailure: (message: string) => void
}

const RETRY_MS = 1_000
/** Statuses of what may work later. */
const LATER = [429, 503, 504]

/** Answers how many it published. Tries again for as long as the tasks are not there. @throws {Error} when an example is refused */
export async function publishExamples(
  app: FastifyInstance,
  examples: readonly ExampleFlow[],
  options: PublishExamples,
): Promise<number> {
  const listed = await insist(app, options, 'flows cannot be listed', { method: 'GET', url: '/api/v1/flows' })
  const { flows = [] } = JSON.parse(listed) as { readonly flows?: readonly unknown[] }
  if (flows.length > 0) return 0
  const publish = ({ name, text }: ExampleFlow): Promise<string> => {
    const headers = { 'content-type': 'application/yaml' }
    const request = { method: 'POST', url: '/api/v1/flows', headers, payload: text } as const
    return insist(app, options, `example flow ${name} was refused`, request)
  }
  await Promise.all(examples.map(publish))
  return examples.length
}

async function insist(
  app: FastifyInstance,
  options: PublishExamples,
  what: string,
  request: InjectOptions,
): Promise<string> {
  for (;;) {
    options.signal.throwIfAborted()
    const answer = await app.inject(request)
    if (answer.statusCode < 300) return answer.body
    if (!LATER.includes(answer.statusCode)) throw new Error(`${what}: ${answer.body}`)
    options.onFailure(`${what}, trying again: ${answer.body}`)
    await new Promise<void>((resolve) => options.environment.after(RETRY_MS, resolve))
  }
}
