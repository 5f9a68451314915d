/** What clients that are logged in see of others, and what they can do to Larder's own connections. */
import { connect } from 'node:tls'
import type { EngineTarget } from './engine-rows.ts'
import type { Attack } from './table.ts'
import { command, talk } from './wire.ts'

const after =
  (...words: readonly (readonly string[])[]): Attack<EngineTarget>['how'] =>
  ({ place, token }) =>
    talk(place, command('AUTH', token), ...words.map((each) => command(...each)))

/** A hash of a password, in hexadecimal: it can be guessed from without anybody seeing it. */
const hash = /[0-9a-f]{64}/

/** All that MONITOR shows while others log in, rightly and wrongly. */
const watched = async ({ place, token }: EngineTarget): Promise<string> => {
  const { host, port, ca = '' } = place
  const socket = connect({ host, port, ca })
  let seen = ''
  const heard = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  socket.setEncoding('latin1').on('data', (text: string) => {
    seen += text
    if (seen.split('+OK').length > 2) started.resolve()
    if (seen.includes('the end')) heard.resolve()
  })
  const fail = (error: Error): void => {
    started.reject(error)
    heard.reject(error)
    socket.destroy()
  }
  socket.on('error', fail)
  socket.setTimeout(3_000, () => fail(new Error(`MONITOR shows nothing more after ${JSON.stringify(seen)}`)))
  socket.write(Buffer.concat([command('AUTH', token), command('MONITOR')]))
  await started.promise
  await talk(place, command('AUTH', token), command('HELLO', '3', 'AUTH', 'default', token))
  await talk(place, command('AUTH', 'default', 'a-wrong-secret-of-somebody'))
  await talk(place, command('AUTH', token), command('ECHO', 'the end'))
  await heard.promise
  socket.destroy()
  return seen.includes(token) || seen.includes('a-wrong-secret') ? `it shows secrets: ${seen}` : 'it shows no secret'
}

export const otherAttacks: readonly Attack<EngineTarget>[] = [
  { name: 'MONITOR while others log in', how: watched, must: /^it shows no secret$/ },
  {
    name: 'lists of commands that were slow, large or refused, after logins',
    how: (target) => after(['SLOWLOG', 'GET', '128'], ['INFO', 'everything'], ['CLIENT', 'LIST'], ['LATENCY', 'LATEST'])(target),
    must: /^\+OK\r\n/,
    never: /token-of-|masterauth|primaryauth/,
  },
  { name: 'hashes of passwords by ACL LIST', how: after(['ACL', 'LIST']), must: /^\+OK\r\n-NOPERM/, never: hash },
  { name: 'hashes of passwords by ACL GETUSER', how: after(['ACL', 'GETUSER', 'larder']), must: /^\+OK\r\n-NOPERM/, never: hash },
  { name: 'names by ACL USERS and WHOAMI', how: after(['ACL', 'USERS'], ['ACL', 'WHOAMI']), must: /default/, never: hash },
  {
    name: 'another user by AUTH from a script',
    how: after(['EVAL', "return redis.call('AUTH', 'larder', '')", '0']),
    must: /^\+OK\r\n-ERR/,
  },
  {
    name: 'another user by AUTH in a transaction',
    how: after(['MULTI'], ['AUTH', 'larder', ''], ['CONFIG', 'GET', 'dir'], ['EXEC']),
    must: /-NOPERM.*-EXECABORT/s,
  },
  {
    name: 'a session that debugs scripts',
    how: after(['SCRIPT', 'DEBUG', 'SYNC'], ['EVAL', 'return 1', '0']),
    must: /^\+OK\r\n-NOPERM/,
  },
  {
    name: 'connections of Larder and of replicas, ended by CLIENT KILL',
    how: after(
      ['CLIENT', 'KILL', 'USER', 'larder'],
      ['CLIENT', 'KILL', 'TYPE', 'replica'],
      ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
      ['PING'],
    ),
    must: /\+PONG$/,
  },
  {
    name: 'connections of Larder, paused by CLIENT PAUSE',
    how: after(['CLIENT', 'PAUSE', '300', 'ALL'], ['CLIENT', 'UNPAUSE'], ['PING']),
    must: /\+PONG$/,
  },
]
