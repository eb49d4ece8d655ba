/**
 * How a route is described on the wire. The description is the source of the answer's type in the service
 * that presents it, of the API page, and of the check that every answer of the product is of that shape.
 */
import { type TObject, type TSchema, Type } from '@sinclair/typebox'

export const TAGS = {
  runs: 'Starting agents, following and cancelling them',
  sandboxes: 'Where runs work, and their logs',
  repos: 'Repositories and how they are started',
  workspaces: 'Groups of repositories',
  models: 'The models one can use',
  tokens: 'Personal access tokens',
  settings: 'Settings, provider keys and the audit trail',
  sessions: 'Signing in and out',
  operation: 'For schedulers and probes',
} as const
export type Tag = keyof typeof TAGS

/** Statuses a route answers with beyond those its class brings along. */
export type OwnErrorStatus = 400 | 403 | 404 | 409

export interface Answer {
  description: string
  /** Left out: the answer has no body. */
  json?: TSchema
  /** One event of the `text/event-stream` that `Accept` may ask for instead. */
  event?: TSchema
}

export interface RouteDescription {
  /** Unique, for generated clients. */
  operationId: string
  tag: Tag
  summary: string
  description?: string
  query?: TObject
  headers?: TObject
  body?: TObject
  /** The body may be left out altogether. */
  isBodyOptional?: true
  /** Every 2xx and 3xx answer. */
  answers: Readonly<Record<number, Answer>>
  errors?: readonly OwnErrorStatus[]
}

/** `METHOD /path`, with the path as the route table writes it. */
export type Descriptions = Readonly<Record<string, RouteDescription>>

/** The usual answer. */
export function answers(description: string, json: TSchema): Record<number, Answer> {
  return { 200: { description, json } }
}

/** The success envelope of the versioned surface (v1 contract 1). */
export function v1Answers(description: string, data: TSchema, status = 200): Record<number, Answer> {
  return { [status]: { description, json: v1Envelope(data) } }
}

export function v1Envelope<Data extends TSchema>(data: Data) {
  return Type.Object({ ok: Type.Literal(true), data })
}
