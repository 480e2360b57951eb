/** What an operator may set about the built-in blocks. Flows name connections and secrets; they never hold them. */
import { readFileSync } from 'node:fs'
import type { ScriptSettings } from './cpu/script/javascript.ts'
import { BACKENDS } from './gpu/device/backend-names.ts'
import type { GpuSettings } from './gpu/gpu-settings.ts'
import type { Connections } from './io/connections.ts'
import type { EgressSettings } from './io/egress/egress.ts'
import type { FileSettings } from './io/files/root.ts'
import type { HttpOptions } from './io/http-client.ts'
import type { KafkaPort } from './io/kafka-produce.ts'
import type { LlmSettings } from './io/llm/llm.ts'
import type { SqlSettings } from './io/sql/settings.ts'
import { type SecretSettings, secretsOfEnvironment } from './secrets/source.ts'

export interface BlockSettings {
  /** What blocks may dial. Default: public addresses only. */
  readonly egress?: EgressSettings
  readonly http?: HttpOptions
  readonly secrets?: SecretSettings
  /** Databases and services by the names that steps give. Default: none. */
  readonly connections?: Connections
  /** Where tenants keep files. Default: nowhere. */
  readonly files?: FileSettings
  readonly sql?: SqlSettings
  readonly llm?: LlmSettings
  /** What `kafka.produce` writes with; default: nothing, and the block is not available. */
  readonly kafka?: KafkaPort | null
  /** The device of `kernel`. */
  readonly gpu?: GpuSettings
  /** Limits of `javascript`. */
  readonly scripts?: ScriptSettings
  /** Folder with modules of custom blocks; default: none. */
  readonly customFolder?: string | null
  /** Threads of the cpu pool; default one less than there are cores, at least 1. */
  readonly cpuThreads?: number
  /** Heap of a worker thread in MiB; default 512. */
  readonly threadHeapMb?: number
}

type Variables = { readonly [name: string]: string | undefined }

/**
 * Settings from variables of the process: `BEAMLINE_EGRESS_ALLOW` and `BEAMLINE_EGRESS_DENY` (rules, separated by commas),
 * `BEAMLINE_EGRESS_ONLY=true`, `BEAMLINE_PROXY`, `BEAMLINE_SECRET_<NAME>`, `BEAMLINE_SECRETS_FOLDER`, `BEAMLINE_SECRETS_STORE` with
 * `BEAMLINE_SECRETS_KEY`, `BEAMLINE_FILES` (folder of the tenants' files), `BEAMLINE_CONNECTIONS` (JSON, or `@` and a file with it),
 * `BEAMLINE_BLOCKS_FOLDER` (of custom blocks), `BEAMLINE_SCRIPTS_TRUSTED=true`, `BEAMLINE_GPU_BACKEND`, `BEAMLINE_GPU_DRIVER` (file of a
 * Vulkan driver).
 */
export function blockSettingsOf(variables: Variables): BlockSettings {
  const store = variables.BEAMLINE_SECRETS_STORE
  const key = variables.BEAMLINE_SECRETS_KEY
  if (store !== undefined && key === undefined) {
    throw new TypeError('BEAMLINE_SECRETS_STORE is set and BEAMLINE_SECRETS_KEY is not; expected both')
  }
  return {
    egress: {
      allow: listOf(variables.BEAMLINE_EGRESS_ALLOW),
      deny: listOf(variables.BEAMLINE_EGRESS_DENY),
      only: variables.BEAMLINE_EGRESS_ONLY === 'true',
    },
    files: { folder: variables.BEAMLINE_FILES ?? null },
    connections: connectionsOf(variables.BEAMLINE_CONNECTIONS),
    http: { proxy: variables.BEAMLINE_PROXY ?? null },
    customFolder: variables.BEAMLINE_BLOCKS_FOLDER ?? null,
    gpu: { backend: backendOf(variables.BEAMLINE_GPU_BACKEND), vulkanDriver: variables.BEAMLINE_GPU_DRIVER ?? null },
    scripts: { trusted: variables.BEAMLINE_SCRIPTS_TRUSTED === 'true' },
    secrets: {
      folder: variables.BEAMLINE_SECRETS_FOLDER ?? null,
      values: secretsOfEnvironment(variables),
      store: store === undefined || key === undefined ? null : { file: store, key },
    },
  }
}

/** `BEAMLINE_CONNECTIONS`: JSON, or `@` and a file with it. What is wrong is said without repeating what is there, which may hold passwords. @throws {TypeError} */
export function connectionsOf(text: string | undefined): Connections {
  if (text === undefined || text.trim() === '') return {}
  try {
    const json = text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Connections
  } catch {
    // told below
  }
  throw new TypeError('BEAMLINE_CONNECTIONS is no JSON object of connections by name, nor @ and a file that has one')
}

function backendOf(name: string | undefined): NonNullable<GpuSettings['backend']> | null {
  if (name === undefined || name === '') return null
  const found = BACKENDS.find((backend) => backend === name)
  if (found !== undefined) return found
  throw new TypeError(`BEAMLINE_GPU_BACKEND is '${name}'; expected one of ${BACKENDS.join(', ')}`)
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '')
}
