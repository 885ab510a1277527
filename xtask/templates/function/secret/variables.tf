  # The name of the secret, under which each environment has one of its own.
  environment_variables = {
    {{variable}} = "{{secret}}"
  }
