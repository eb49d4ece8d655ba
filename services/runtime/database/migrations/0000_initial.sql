CREATE TABLE "runtime"."agent_runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"work_item_id" uuid NOT NULL,
	"ai_call_id" uuid NOT NULL,
	"repo_id" uuid NOT NULL,
	"idempotency_key" text NOT NULL,
	"request_hash" text NOT NULL,
	"harness" text NOT NULL,
	"prompt" text NOT NULL,
	"base_branch" text NOT NULL,
	"working_branch" text NOT NULL,
	"create_branch" boolean NOT NULL,
	"root_directory" text,
	"mode" text,
	"conversation_id" text,
	"workspace_session_id" text,
	"request_id" text,
	"status" text DEFAULT 'pending' NOT NULL,
	"control_state" text,
	"error" text,
	"failure_code" text,
	"sandbox_record_id" uuid,
	"delivery" jsonb,
	"lease_token" uuid,
	"lease_expires_at" timestamp (3) with time zone,
	"not_before" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"streaming_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	CONSTRAINT "agent_runs_idempotency" UNIQUE("user_id","idempotency_key"),
	CONSTRAINT "agent_runs_ai_call" UNIQUE("ai_call_id")
);
--> statement-breakpoint
CREATE TABLE "runtime"."ai_call_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"ai_call_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"event_type" text NOT NULL,
	"tool_name" text,
	"message" text,
	"payload" json NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ai_call_events_position" UNIQUE("ai_call_id","position")
);
--> statement-breakpoint
CREATE TABLE "runtime"."ai_calls" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"type" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"model" text NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"event_count" integer DEFAULT 0 NOT NULL,
	"input_tokens" bigint,
	"output_tokens" bigint,
	"cache_read_input_tokens" bigint,
	"cache_creation_input_tokens" bigint,
	"reasoning_tokens" bigint,
	"total_tokens" bigint,
	"cost_usd" numeric(14, 8),
	"cost_source" text,
	"error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "runtime"."dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"consumer" text NOT NULL,
	"subject" text NOT NULL,
	"body" text NOT NULL,
	"error" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runtime"."inbox" (
	"consumer" text NOT NULL,
	"event_id" uuid NOT NULL,
	"handled_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "inbox_consumer_event_id_pk" PRIMARY KEY("consumer","event_id")
);
--> statement-breakpoint
CREATE TABLE "runtime"."limit_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"route_key" text NOT NULL,
	"decision" text NOT NULL,
	"reason" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runtime"."outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"subject" text NOT NULL,
	"user_id" text,
	"request_id" text,
	"payload" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"published_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "runtime"."sandbox_lifecycle_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"sandbox_record_id" uuid NOT NULL,
	"event_type" text NOT NULL,
	"decision_code" text,
	"worker_run_id" text,
	"payload" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runtime"."sandboxes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"repo_id" uuid NOT NULL,
	"sandbox_id" text,
	"provider" text NOT NULL,
	"status" text NOT NULL,
	"base_branch" text NOT NULL,
	"working_branch" text NOT NULL,
	"root_directory" text,
	"stop_reason" text,
	"is_retired" boolean DEFAULT false NOT NULL,
	"error" text,
	"preview_url" text,
	"install_log" text,
	"dev_log" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_active_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "agent_runs_unfinished" ON "runtime"."agent_runs" USING btree ("status","created_at") WHERE status in ('pending', 'streaming');--> statement-breakpoint
CREATE INDEX "limit_events_window" ON "runtime"."limit_events" USING btree ("user_id","route_key","decision","created_at");--> statement-breakpoint
CREATE INDEX "outbox_unpublished" ON "runtime"."outbox" USING btree ("published_at","sequence");--> statement-breakpoint
CREATE INDEX "sandbox_lifecycle_events_by_sandbox" ON "runtime"."sandbox_lifecycle_events" USING btree ("sandbox_record_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sandboxes_key" ON "runtime"."sandboxes" USING btree ("user_id","repo_id","working_branch",coalesce(root_directory, '')) WHERE status not in ('stopped', 'error');--> statement-breakpoint
CREATE INDEX "sandboxes_by_user" ON "runtime"."sandboxes" USING btree ("user_id","last_active_at");