/** Sessions for express-session, @fastify/session, Hono, and by themselves. */
export { createExpressStore, type ExpressSessionStore } from './express.ts'
export { createFastifyStore, type FastifySessionStore } from './fastify.ts'
export { type HonoSession, type HonoSessionOptions, honoSessions } from './hono.ts'
export type { SessionData } from './merge.ts'
export type { SealKey } from './seal.ts'
export { createSessions, type Session, type Sessions, type SessionsOptions, type Stored } from './sessions.ts'
