CREATE TABLE "projects"."dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"consumer" text NOT NULL,
	"subject" text NOT NULL,
	"body" text NOT NULL,
	"error" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "projects"."inbox" (
	"consumer" text NOT NULL,
	"event_id" uuid NOT NULL,
	"handled_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "inbox_consumer_event_id_pk" PRIMARY KEY("consumer","event_id")
);
--> statement-breakpoint
CREATE TABLE "projects"."outbox" (
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
CREATE TABLE "projects"."repos" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"full_name" text NOT NULL,
	"default_branch" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"root_directory" text,
	"remote_url" text NOT NULL,
	"remote_key" text NOT NULL,
	"remote_version" integer DEFAULT 1 NOT NULL,
	"credential" jsonb,
	"install_command" text,
	"dev_command" text,
	"dev_port" integer NOT NULL,
	"dev_port_auto" boolean NOT NULL,
	"sandbox_timeout_ms" integer,
	"runtime" text,
	"env_sync_mode" text NOT NULL,
	"sandbox_env_vars" jsonb,
	"sandbox_env_var_keys" text[] NOT NULL,
	"is_favorite" boolean NOT NULL,
	"is_hidden" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "projects"."workspaces" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"name_key" text NOT NULL,
	"description" text,
	"is_default" boolean DEFAULT false NOT NULL,
	"sandbox_timeout_ms" integer NOT NULL,
	"sandbox_idle_timeout_ms" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "workspaces_name" UNIQUE("user_id","name_key"),
	CONSTRAINT "workspaces_owned" UNIQUE("id","user_id")
);
--> statement-breakpoint
ALTER TABLE "projects"."repos" ADD CONSTRAINT "repos_workspace" FOREIGN KEY ("workspace_id","user_id") REFERENCES "projects"."workspaces"("id","user_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "outbox_unpublished" ON "projects"."outbox" USING btree ("published_at","sequence");--> statement-breakpoint
CREATE UNIQUE INDEX "repos_unique_remote" ON "projects"."repos" USING btree ("user_id","remote_key",md5(coalesce(root_directory, '')));--> statement-breakpoint
CREATE INDEX "repos_by_workspace" ON "projects"."repos" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_one_default" ON "projects"."workspaces" USING btree ("user_id") WHERE is_default;