/** Error codes of the older C++ blocks. */
import { BlockError, type BlockErrorDef } from '../../block.ts'

export const OLDER_ERRORS = {
  INVALID_INPUT: { code: 'INVALID_INPUT', class: 'permanent', meaning: 'An input cannot be used.' },
  MISSING_REQUIRED_FIELD: {
    code: 'MISSING_REQUIRED_FIELD',
    class: 'permanent',
    meaning: 'A required input is missing.',
  },
  INVALID_FORMAT: { code: 'INVALID_FORMAT', class: 'permanent', meaning: 'An input does not have its form.' },
  EXECUTION_FAILED: { code: 'EXECUTION_FAILED', class: 'permanent', meaning: 'The work itself failed.' },
  RESOURCE_UNAVAILABLE: {
    code: 'RESOURCE_UNAVAILABLE',
    class: 'permanent',
    meaning: 'What was asked for is not there.',
  },
  PERMISSION_DENIED: {
    code: 'PERMISSION_DENIED',
    class: 'permanent',
    meaning: 'The address or path may not be used from here.',
  },
  QUOTA_EXCEEDED: {
    code: 'QUOTA_EXCEEDED',
    class: 'permanent',
    meaning: 'What was asked for is larger than the limit.',
  },
  NETWORK_ERROR: {
    code: 'NETWORK_ERROR',
    class: 'transient',
    meaning: 'No answer: name not found, connection refused or broken.',
  },
  CONNECTION_TIMEOUT: { code: 'CONNECTION_TIMEOUT', class: 'transient', meaning: 'No connection in time.' },
  HTTP_ERROR: {
    code: 'HTTP_ERROR',
    class: 'permanent',
    meaning: 'A status other than 2xx; class `transient` for 5xx.',
  },
} as const satisfies { readonly [code: string]: BlockErrorDef }

/** Other blocks' codes in terms of the older ones. */
export async function inOlderCodes<T>(codes: { readonly [code: string]: string }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = error instanceof BlockError ? codes[error.code] : undefined
    if (code === undefined || !(error instanceof BlockError)) throw error
    const { message, retryAfterMs, detail } = error
    throw new BlockError(code, message, {
      retryAfterMs,
      detail,
      cause: error,
      ...(error.class && { class: error.class }),
    })
  }
}

export function missingField(names: string): BlockError {
  return new BlockError('MISSING_REQUIRED_FIELD', `Missing required inputs: ${names}`)
}
