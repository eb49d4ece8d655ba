ALTER TABLE "identity"."users" ADD COLUMN "proven_email" text;--> statement-breakpoint
ALTER TABLE "identity"."users" ADD COLUMN "email_proven_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "identity"."users" ADD COLUMN "email_proven_by" text;--> statement-breakpoint
ALTER TABLE "identity"."users" ADD COLUMN "host_access_granted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "identity"."users" ADD COLUMN "devices_known_since" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
-- Made by a sign-in with GitHub, which brought an address that it had verified; a typed one has a password beside it.
UPDATE "identity"."users" SET "proven_email" = "email", "email_proven_at" = "created_at", "email_proven_by" = 'github'
  WHERE "email" IS NOT NULL AND "password_hash" IS NULL AND "github_user_id" IS NOT NULL;--> statement-breakpoint
-- The first user is whoever runs the instance.
UPDATE "identity"."users" SET "host_access_granted_at" = now()
  WHERE "id" = (SELECT "id" FROM "identity"."users" ORDER BY "created_at", "id" LIMIT 1);
