/**
 * Access strings of users: what AWS takes, which is the engine's own language without passwords. Source: AWS's page on role-based access
 * control, and the engine's on access control lists.
 */
import { invalidValue } from '../errors.ts'
import { commandCategories, hasCommand, isCommand, isContainer } from './commands.ts'
import type { EngineName } from './group.ts'

/** `on ~app:* +@read`, and beside it any number of selectors: `(~log:* +append)`. */
export interface AccessRules {
  readonly root: readonly string[]
  readonly selectors: readonly (readonly string[])[]
}

const longest = 4_096

const refuse = (word: string, why: string): never => {
  throw invalidValue(`The access string is not valid: ${why}, found ${word.slice(0, 100)}.`)
}

const plainWords: ReadonlySet<string> = new Set([
  ...['allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands'],
])
/** Of the user as a whole. */
const rootWords: ReadonlySet<string> = new Set(['on', 'off', 'clearselectors'])

const checkCommand = (word: string): void => {
  const name = word.slice(1).toLowerCase()
  if (name.startsWith('@')) {
    if (!commandCategories.has(name.slice(1))) refuse(word, 'expected a category of commands')
    return
  }
  if (isCommand(name)) return
  // A first argument (`+select|0`): of commands without subcommands, and to allow it only.
  const [command = '', argument = '', ...rest] = name.split('|')
  const isFirstArgument =
    word.startsWith('+') && isCommand(command) && !isContainer(command) && argument !== '' && rest.length === 0
  if (!isFirstArgument) refuse(word, 'expected a command of the engine')
}

const checkWord = (word: string, isRoot: boolean): void => {
  const small = word.toLowerCase()
  if (plainWords.has(small) || (isRoot && rootWords.has(small))) return
  if (/^[><#!]/.test(word) || small === 'nopass' || small === 'resetpass')
    refuse(`${word[0]}...`, 'passwords are given by Passwords or AuthenticationMode, not in it')
  if (small === 'reset') refuse(word, 'it may not hold reset')
  if (/^~./.test(word) || /^&./.test(word) || /^%(?:[RWrw]{1,2})~./.test(word)) return
  if (/^[+-]./.test(word)) checkCommand(word)
  else refuse(word, 'expected on, off, ~key, %R~key, %W~key, &channel, +command, -command, +@category or -@category')
}

const takesAll: Readonly<Record<string, 'key' | 'channel'>> = {
  '~*': 'key',
  allkeys: 'key',
  '&*': 'channel',
  allchannels: 'channel',
}
const takesNone: Readonly<Record<string, 'key' | 'channel'>> = { resetkeys: 'key', resetchannels: 'channel' }

const patternOf = (word: string): 'key' | 'channel' | null =>
  word.startsWith('&') ? 'channel' : word.startsWith('~') || word.startsWith('%') ? 'key' : null

/** An engine refuses a pattern behind one that takes all; it would not start with such a user. */
const checkPatterns = (words: readonly string[]): void => {
  const all = new Set<string>()
  for (const word of words) {
    const small = word.toLowerCase()
    const [taken, dropped, pattern] = [takesAll[small], takesNone[small], patternOf(word)]
    if (taken !== undefined) all.add(taken)
    else if (dropped !== undefined) all.delete(dropped)
    else if (pattern !== null && all.has(pattern))
      refuse(word, `expected no pattern behind one that takes every ${pattern} (try reset${pattern}s before it)`)
  }
}

/**
 * With `acl-pubsub-default` at `allchannels`, as AWS has it, a user begins with every channel. Who is given channels by name is given those
 * alone.
 */
export const channelsByName = (words: readonly string[]): readonly string[] => {
  const first = words.find((word) => word.startsWith('&') || /^(?:all|reset)channels$/i.test(word))
  return first === undefined || !first.startsWith('&') || first === '&*' ? words : ['resetchannels', ...words]
}

/** Throws `InvalidParameterValueException`. No message holds a password that somebody wrote into the string. */
export const parseAccessString = (text: string): AccessRules => {
  if (text.length > longest)
    throw invalidValue(`The access string has ${text.length} characters; at most ${longest} are possible.`)
  if (/[\p{Cc}"'\\]/u.test(text)) throw invalidValue('The access string may not hold quotes, backslashes or control characters.')
  const root: string[] = []
  const selectors: string[][] = []
  let selector: string[] | null = null
  for (const part of text.split(' ').filter(Boolean)) {
    let word = part
    if (word.startsWith('(')) {
      if (selector !== null) refuse(part, 'expected selectors one after the other, not within each other')
      selector = []
      word = word.slice(1)
    }
    const ends = selector !== null && word.endsWith(')')
    if (ends) word = word.slice(0, -1)
    if (word !== '') {
      checkWord(word, selector === null)
      const target: string[] = selector ?? root
      target.push(word)
    }
    if (ends && selector !== null) {
      selectors.push(selector)
      selector = null
    }
  }
  if (selector !== null) throw invalidValue('The access string is not valid: a selector has no closing parenthesis.')
  for (const words of [root, ...selectors]) checkPatterns(words)
  if (root.length + selectors.length === 0) throw invalidValue('The access string must not be blank.')
  return { root, selectors }
}

/** Words for commands that this engine has: it would refuse all of them for one that it does not know. */
export const wordsFor = (words: readonly string[], engine: EngineName, version: string): readonly string[] =>
  words.filter((word) => {
    if (!/^[+-][^@]/.test(word)) return true
    const name = word.slice(1).toLowerCase()
    return isCommand(name) ? hasCommand(name, engine, version) : hasCommand(name.split('|')[0] ?? '', engine, version)
  })
