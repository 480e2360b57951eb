/** Puts a configuration together: defaults, file, environment, flags, each stronger than those before it. */
import { didYouMean, nearest } from '../../schemas/flow/nearest.ts'
import { formatPath, type Locate, type Path, show } from '../../schemas/flow/problems.ts'
import { readSource } from '../../schemas/flow/source.ts'
import type { Json } from '../../schemas/json.ts'
import { PLAIN } from './secret.ts'
import {
  type AnySetting,
  type Config,
  isSettingName,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  variableOf,
} from './settings.ts'

/** Where a value came from, e.g. `beamline.yaml:4`, `BEAMLINE_PORT`, `--port`; `default` where nobody said anything. */
export type Source = string

export interface LoadedConfig {
  readonly config: Config
  readonly sources: { readonly [N in SettingName]: Source }
}

export interface ConfigSources {
  /** Its name as the user knows it, and what it holds; `null`: there is none. */
  readonly file: { readonly name: string; readonly text: string } | null
  readonly variables: { readonly [name: string]: string | undefined }
  /** What flags said, as text, with the flag's name. */
  readonly flags: readonly { readonly name: string; readonly flag: string; readonly text: string }[]
}

/** What is wrong with the configuration, everything at once, one line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? problems[0]! : `the configuration is wrong:\n  ${problems.join('\n  ')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

interface Given {
  readonly value: unknown
  readonly source: Source
}

/** @throws {ConfigError} */
export function loadConfig({ file, variables, flags }: ConfigSources): LoadedConfig {
  const problems: string[] = []
  const given = new Map<SettingName, Given>()
  const take = (name: SettingName, found: Json, source: Source): void => {
    const setting: AnySetting = SETTINGS[name]
    const read = setting.read(found)
    if ('value' in read) given.set(name, { value: read.value, source })
    else problems.push(`${source}: ${name}: found ${shown(setting, found)}; expected ${read.expected}`)
  }
  if (file !== null) readDocument(file.name, file.text, take, problems)
  readVariables(variables, take, problems)
  for (const { name, flag, text } of flags) {
    if (isSettingName(name)) take(name, SETTINGS[name].fromText(text), flag)
    else problems.push(`${flag}: unknown setting '${name}'${didYouMean(name, SETTING_NAMES)}`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  const each = <T>(of: (name: SettingName) => T) => Object.fromEntries(SETTING_NAMES.map((name) => [name, of(name)]))
  return {
    config: each((name) => (given.has(name) ? given.get(name)!.value : SETTINGS[name].default)) as Config,
    sources: each((name) => given.get(name)?.source ?? 'default') as LoadedConfig['sources'],
  }
}

/** A secret that was given in the wrong form is still one. */
function shown({ secret }: AnySetting, found: Json): string {
  return secret ? 'something else (not shown)' : show(found)
}

type Take = (name: SettingName, found: Json, source: Source) => void

function readDocument(name: string, text: string, take: Take, problems: string[]): void {
  if (/^\s*(#[^\n]*\s*)*$/.test(text)) return
  const read = readSource(text)
  if (!read.ok) {
    for (const problem of read.problems.list) {
      problems.push(`${name}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.message}`)
    }
    return
  }
  if (!isObject(read.value)) {
    problems.push(`${name}: found ${show(read.value)}; expected settings such as \`port: 8080\``)
    return
  }
  readLevel(name, read.value, [], read.locate, take, problems)
}

function readLevel(
  file: string,
  level: { readonly [key: string]: Json },
  path: Path,
  locate: Locate,
  take: Take,
  problems: string[],
): void {
  for (const [key, found] of Object.entries(level)) {
    const at = [...path, key]
    const name = at.join('.')
    const line = locate(at, 'key')?.line
    const place = line === undefined ? file : `${file}:${line}`
    if (isSettingName(name) && !key.includes('.')) take(name, found, place)
    else if (isGroup(name) && isObject(found)) readLevel(file, found, at, locate, take, problems)
    else if (isGroup(name))
      problems.push(`${place}: ${name}: found ${show(found)}; expected settings, one of ${membersOf(at).join(', ')}`)
    else problems.push(`${place}: unknown setting '${formatPath(at)}'${hintFor(key, path)}`)
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isGroup(name: string): boolean {
  return SETTING_NAMES.some((setting) => setting.startsWith(`${name}.`))
}

/** Names of one level, e.g. those directly below `kafka`. */
function membersOf(path: Path): readonly string[] {
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`
  const below = SETTING_NAMES.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  return [...new Set(below.map((name) => name.split('.')[0]!))]
}

function hintFor(key: string, path: Path): string {
  const members = membersOf(path)
  return nearest(key, members) === null ? `; expected one of ${members.join(', ')}` : didYouMean(key, members)
}

const BY_VARIABLE = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]))
/** Read by commands, not by processes. */
const OTHER_VARIABLES = ['BEAMLINE_URL', 'BEAMLINE_TENANT', 'BEAMLINE_CONFIG']
/** Secrets of steps; what Kubernetes sets for a service named `beamline`; what tests and builds may set. */
const FOREIGN = /^BEAMLINE_(SERVICE_|PORT_\d+_|TEST_|SECRET_|.*_SERVICE_(HOST|PORT))/

function readVariables(variables: ConfigSources['variables'], take: Take, problems: string[]): void {
  for (const [variable, text] of Object.entries(variables)) {
    if (text === undefined || text === '' || !variable.startsWith('BEAMLINE_')) continue
    const name = BY_VARIABLE.get(variable)
    if (name !== undefined) take(name, textValue(SETTINGS[name], text), variable)
    else if (!OTHER_VARIABLES.includes(variable) && !FOREIGN.test(variable)) {
      const known = [...BY_VARIABLE.keys(), ...OTHER_VARIABLES]
      problems.push(`${variable}: there is no such setting${didYouMean(variable, known)}`)
    }
  }
}

/** In the environment a secret may stand as it is: its name is the reference. */
function textValue(setting: AnySetting, text: string): Json {
  return setting.secret && !/^(file|env):/.test(text) ? PLAIN + text : setting.fromText(text)
}
