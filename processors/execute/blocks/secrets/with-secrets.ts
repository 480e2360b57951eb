/** Gives a block its secrets, and takes them out of everything it says. */

import { resolveSecrets, secretNames } from '../../../../schemas/flow/secret-text.ts'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../block.ts'
import { isTooDeep, MAX_DEPTH } from '../../extent.ts'
import { createRedactor, type Redactor, SECRET_MIN_CHARS } from './redact.ts'
import type { SecretSource } from './source.ts'

export const SECRET_UNAVAILABLE: BlockErrorDef = {
  code: 'SECRET_UNAVAILABLE',
  class: 'recoverable',
  meaning: 'The input names a secret that this executor does not have for the tenant, or cannot read.',
}

/** A block that takes no secrets is returned as it is. */
export function withSecrets(block: Block, source: SecretSource): Block {
  if (block.takesSecrets !== true) return block
  return {
    ...block,
    errors: [...block.errors, SECRET_UNAVAILABLE],
    run: (context, input) => {
      const names = secretNames(input)
      // marks that are meant as text are put back all the same
      if (names.size === 0)
        return block.run(
          context,
          resolveSecrets(input, () => ''),
        )
      return runWith(block, context, input, names, source)
    },
  }
}

async function runWith(
  block: Block,
  context: BlockContext,
  input: Json,
  names: ReadonlySet<string>,
  source: SecretSource,
): Promise<Json> {
  const secrets = new Map<string, string>()
  for (const name of names) secrets.set(name, await secretOf(source, context, name))
  context.signal.throwIfAborted()
  const redactor = createRedactor(secrets)
  try {
    const output = await block.run(
      quiet(context, redactor),
      resolveSecrets(input, (name) => secrets.get(name)!),
    )
    // looking for secrets goes down into the output
    if (isTooDeep(output)) throw outputTooDeep()
    return redactor.value(output)
  } catch (error) {
    throw redactedError(error, redactor)
  }
}

function outputTooDeep(): BlockError {
  return new BlockError('OUTPUT_TOO_LARGE', `the output is nested deeper than ${MAX_DEPTH} levels; expected no more`)
}

async function secretOf(source: SecretSource, context: BlockContext, name: string): Promise<string> {
  let secret: string | null
  try {
    secret = await source(context.tenant, name)
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    throw unavailable(name, `cannot be read${typeof code === 'string' ? `: ${code}` : ''}`)
  }
  if (secret === null) throw unavailable(name, `does not exist for tenant '${context.tenant}'`)
  if (secret.length < SECRET_MIN_CHARS) throw unavailable(name, `is shorter than ${SECRET_MIN_CHARS} characters`)
  return secret
}

function unavailable(name: string, why: string): BlockError {
  return new BlockError('SECRET_UNAVAILABLE', `the secret '${name}' ${why}`, { detail: { secret: name } })
}

/** What the block says while it runs is redacted as well. */
function quiet(context: BlockContext, redactor: Redactor): BlockContext {
  const { log, progress, tenant, runId, stepId, attempt, key, traceparent, assignedAtMs, blobs } = context
  return {
    tenant,
    runId,
    stepId,
    attempt,
    key,
    traceparent,
    get signal() {
      return context.signal
    },
    ...(assignedAtMs !== undefined && { assignedAtMs }),
    ...(blobs && { blobs }),
    ...(log && { log: (line) => log({ ...line, message: redactor.text(line.message) }) }),
    ...(progress && { progress: (value) => progress(redactor.value(value)) }),
  }
}

function redactedError(error: unknown, redactor: Redactor): unknown {
  if (error instanceof BlockError) {
    // the cause is left behind: it is not ours and may repeat the input
    return new BlockError(error.code, redactor.text(error.message), {
      retryAfterMs: error.retryAfterMs,
      detail: isTooDeep(error.detail) ? null : redactor.value(error.detail),
      ...(error.class && { class: error.class }),
    })
  }
  if (!(error instanceof Error)) return new Error(redactor.text(String(error)))
  const clean = new Error(redactor.text(error.message))
  clean.name = error.name
  return clean
}
